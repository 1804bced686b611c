import { link, mkdir, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Pinned, platformPin } from "../files/pin.ts";
import type { Reader } from "../files/reader.ts";
import { systemCode } from "../files/unreadable.ts";
import { type DeliveryChannel, DeliveryError } from "./channel.ts";
import { MAX_OUTPUT_BYTES, OUTPUT_DIRECTORY } from "./outputs.ts";

/** Creates the channel `local`: a file in the home, `cron/output/<job>/<time>.md`. `reader` reads the home. */
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
        // Fires that start in the same millisecond get different names.
        for (const name of [`${time}.md`, `${time}-${fire.id}.md`])
          if ((await write(directory, { name, page, by: fire.id })) || (await isThere(name))) return name;
        throw new DeliveryError("A file of that name is there already.", { isFinal: true });
      });
      return { file: join(OUTPUT_DIRECTORY, job.id, name) };
    },
  };
}

/**
 * Runs `work` with a job's directory, which is created if needed. @throws DeliveryError when that fails or a link is
 * in its place.
 */
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

/** Writes a file atomically; returns false if the name exists. */
async function write(directory: Pinned, { name, page, by }: NewFile): Promise<boolean> {
  // No other fire uses this name, and the same fire uses it again after a crash.
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
