import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Carrier, DeliveryError } from "./carrier.ts";
import { outputDirectory } from "./outputs.ts";

/** `local`: a file below the home, `cron/output/<job>/<time>.md`. */
export function fileCarrier(home: string): Carrier {
  return {
    takes: (target) => target === "local",
    async bring({ job, fire, text }) {
      const time = new Date(fire.startedAt ?? fire.createdAt).toISOString().replaceAll(":", "-");
      const directory = outputDirectory(job.id);
      const page = `# ${job.name}\n\n${text}\n`;
      try {
        await mkdir(join(home, directory), { recursive: true, mode: 0o700 });
        // Two that began in the same ms have a file each.
        for (const name of [`${time}.md`, `${time}-${fire.id}.md`]) {
          const file = join(directory, name);
          if (await isWritten(join(home, file), { page, by: fire.id })) return { file };
        }
      } catch (error) {
        const { code = "unknown error" } = error as NodeJS.ErrnoException;
        throw new DeliveryError(`The file cannot be written (${code}).`);
      }
      throw new DeliveryError("A file of that name is there already.", { isFinal: true });
    },
  };
}

/** Puts a page into a file as a whole, if it is not there; false: the file is there, and another's. */
async function isWritten(file: string, { page, by }: { page: string; by: string }): Promise<boolean> {
  // Of a name that no other fire writes to, and that the same one finds again after a crash.
  const temporary = `${file}.${by}.tmp`;
  await writeFile(temporary, page, { mode: 0o600 });
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return (await readFile(file, "utf8")) === page;
  } finally {
    await rm(temporary, { force: true });
  }
}
