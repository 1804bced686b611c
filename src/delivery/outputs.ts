import { join } from "node:path";
import { notFound } from "../domain/error.ts";
import type { Place, Reader } from "../files/reader.ts";

/** A file with a result. */
interface OutputFile {
  /** Its name in the job's directory, which contains the fire's start time. */
  id: string;
  bytes: number;
  /** Epoch ms. */
  writtenAt: number;
}

/** The names of results: a time, and the fire if two started at once. */
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(-fire_[0-9a-f]+)?\.md$/;
/** Larger files were not written by this server and are not read. */
export const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/** The directory of all results, in the home; each job has a directory in it. */
export const OUTPUT_DIRECTORY = join("cron", "output");

/**
 * Reads results that were written to files. Callers must first check whose job it is. Commands of the agent may put
 * anything there, so only regular files in the directory itself count.
 */
export class Outputs {
  readonly #directory: string;
  readonly #reader: Reader;

  constructor(home: string, reader: Reader) {
    this.#directory = join(home, OUTPUT_DIRECTORY);
    this.#reader = reader;
  }

  /** Lists the names of a job's files, oldest first. */
  async names(jobId: string): Promise<{ id: string }[]> {
    const entries = await this.#reader.entries(this.#at(jobId));
    const names = entries.filter((entry) => entry.isFile() && NAME.test(entry.name)).map(({ name }) => name);
    return names.sort().map((id) => ({ id }));
  }

  /** Describes a listed file; undefined if it was removed meanwhile. */
  async describe(jobId: string, { id }: { id: string }): Promise<OutputFile | undefined> {
    const found = await this.#reader.find(this.#at(jobId, id), { maxBytes: Infinity, firstBytes: 0 });
    return found && { id, bytes: Number(found.stats.size), writtenAt: Number(found.stats.mtimeMs) };
  }

  /** Reads a file. @throws ApiError 404 for a name that is not a result's. */
  async read(jobId: string, name: string): Promise<string> {
    const place = this.#at(jobId, name);
    const found = NAME.test(name)
      ? await this.#reader.find(place, { maxBytes: MAX_OUTPUT_BYTES })
      : undefined;
    if (found === undefined) throw notFound("output_not_found", "There is no such output.");
    return found.text;
  }

  #at(...path: string[]): Place {
    return { within: this.#directory, name: join(...path), isDirect: true };
  }
}
