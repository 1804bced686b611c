import { link, mkdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Pinned, platformPin } from "../files/pin.ts";
import type { Reader } from "../files/reader.ts";
import { systemCode } from "../files/unreadable.ts";
import { type DeliveryChannel, DeliveryError } from "./channel.ts";
import { MAX_OUTPUT_BYTES, OUTPUT_DIRECTORY } from "./outputs.ts";

/** `local`: a file below the home, `cron/output/<job>/<time>.md`. `reader` reads the home. */
export function fileChannel(home: string, reader: Reader): DeliveryChannel {
  const within = join(home, OUTPUT_DIRECTORY);
  return {
    takes: (target) => target === "local",
    async deliver({ job, fire, text }) {
      const time = new Date(fire.startedAt ?? fire.createdAt).toISOString().replaceAll(":", "-");
      const page = `# ${job.name}\n\n${text}\n`;
      const isThere = async (name: string) => {
        const place = { within, name: join(job.id, name), isDirect: true };
        return (await reader.find(place, { maxBytes: MAX_OUTPUT_BYTES }))?.text === page;
      };
      const name = await inDirectory(within, job.id, async (directory) => {
        // Two that began in the same ms have a file each.
        for (const name of [`${time}.md`, `${time}-${fire.id}.md`])
          if ((await write(directory, { name, page, by: fire.id })) || (await isThere(name))) return name;
        throw new DeliveryError("A file of that name is there already.", { isFinal: true });
      });
      return { file: join(OUTPUT_DIRECTORY, job.id, name) };
    },
  };
}

/** Uses a job's directory, created if need be. @throws DeliveryError when that fails, or a link stands in its place. */
async function inDirectory<Result>(
  within: string,
  jobId: string,
  use: (directory: Pinned) => Promise<Result>,
): Promise<Result> {
  let directory: Pinned | undefined;
  try {
    const path = join(within, jobId);
    await mkdir(path, { recursive: true, mode: 0o700 });
    directory = platformPin()(path, true);
    if (directory.real !== join(await realpath(within), jobId))
      throw new DeliveryError(`${join(OUTPUT_DIRECTORY, jobId)} is a symbolic link.`, { isFinal: true });
    return await use(directory);
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    throw new DeliveryError(`The file cannot be written (${systemCode(error) ?? "unknown error"}).`);
  } finally {
    directory?.close();
  }
}

interface NewFile {
  name: string;
  page: string;
  by: string;
}

/** Puts a page into a file as a whole; false: something of that name is there. */
async function write(directory: Pinned, { name, page, by }: NewFile): Promise<boolean> {
  // Of a name that no other fire writes to, and that the same one finds again after a crash.
  const temporary = directory.at(`${name}.${by}.tmp`);
  await rm(temporary, { force: true });
  await writeFile(temporary, page, { mode: 0o600, flag: "wx" });
  try {
    directory.verify();
    await link(temporary, directory.at(name));
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}
