import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { notFound } from "../domain/error.ts";

/** A file that holds a result. */
export interface OutputFile {
  /** Its name in the job's directory, which tells when the fire began. */
  id: string;
  bytes: number;
  /** Epoch ms. */
  writtenAt: number;
}

/** What the names of results are made of: a time, and a fire where two began at once. */
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(-fire_[0-9a-f]+)?\.md$/;
/** Longer ones were not written by us. */
const MAX_BYTES = 64 * 2 ** 20;

/** The directory of a job's results, below the home. */
export function outputDirectory(jobId: string): string {
  return join("cron", "output", jobId);
}

/** Results that were written into files, as their readers find them. Check first whose job it is. */
export class Outputs {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  /** The names of a job's files, oldest first. */
  async names(jobId: string): Promise<{ id: string }[]> {
    try {
      const entries = await readdir(join(this.#home, outputDirectory(jobId)), { withFileTypes: true });
      const names = entries
        .filter((entry) => entry.isFile() && NAME.test(entry.name))
        .map(({ name }) => name);
      return names.sort().map((id) => ({ id }));
    } catch {
      return [];
    }
  }

  /** A file that is listed; undefined when it is gone meanwhile. */
  async describe(jobId: string, { id }: { id: string }): Promise<OutputFile | undefined> {
    try {
      const { size, mtimeMs } = await stat(join(this.#home, outputDirectory(jobId), id));
      return { id, bytes: size, writtenAt: mtimeMs };
    } catch {
      return undefined;
    }
  }

  /** A file's text. @throws ApiError 404 for a name that none has, whatever else it may name. */
  async read(jobId: string, name: string): Promise<string> {
    const text = NAME.test(name) ? await textOf(join(this.#home, outputDirectory(jobId), name)) : undefined;
    if (text === undefined) throw notFound("output_not_found", "There is no such output.");
    return text;
  }
}

/** No link is followed, and nothing is waited for that is no file: commands of the agent may have put it there. */
async function textOf(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await handle.stat();
    return found.isFile() && found.size <= MAX_BYTES ? await handle.readFile("utf8") : undefined;
  } catch {
    return undefined;
  }
}
