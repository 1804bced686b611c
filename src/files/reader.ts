import type { BigIntStats, Dirent } from "node:fs";
import { type FileHandle, lstat, opendir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { DiskQueue, type Turn } from "./disk-queue.ts";
import { type Held, type Hold, platformHold } from "./hold.ts";
import { isInside } from "./inside.ts";
import { fileIdentity } from "./pin.ts";
import { describeKind, systemCode, systemReason, Unreadable } from "./unreadable.ts";

/** Where a file is looked for. */
export interface Place {
  /** The directory that the file must really lie in, whatever links lead to it; `/` for anywhere. */
  within: string;
  /** A path relative to that. */
  name: string;
  /** Whether no symbolic link below `within` may lead to it. */
  isDirect?: boolean;
}

/** How much of a file is read. */
interface ReadLimits {
  /** A file of more bytes is not read at all. */
  maxBytes: number;
  /** No more bytes than these are read from its beginning; all of them when undefined. */
  firstBytes?: number;
}

/** A regular file that was found where it may lie. */
export interface FoundFile {
  /** Its absolute path without symbolic links. */
  real: string;
  stats: BigIntStats;
  /** What was read of it; bytes that are no UTF-8 are U+FFFD. */
  text: string;
}

/** Files that are never given out, whatever name or link leads to them. */
interface Secrets {
  lookUp(): { covers(real: string, stats?: BigIntStats): boolean };
}

/** What a reader is made of. */
export interface ReaderOptions {
  secrets: Secrets;
  /** The longest time that a caller waits, ms. */
  deadlineMs?: number;
  /** How files are held while they are checked; the platform's safest way when left out. */
  hold?: Hold;
}

const DEADLINE_MS = 5_000;
const MAX_ENTRIES = 100_000;
const CHUNK_BYTES = 2 ** 20;

/**
 * Reads the files that the server takes from a workspace or a home on behalf of a run. What was opened is what was
 * checked: it lies in its directory by its real path, is a regular file, is none of the secrets by path or identity, and
 * is not too big. FIFOs and devices are not opened. Nothing is read beyond the length that the file had when it was
 * opened, so files without a length, as the kernel's in /proc, are empty.
 *
 * One file is read at a time: make a reader for each disk that may fail by itself.
 */
export class Reader {
  readonly #secrets: Secrets;
  readonly #hold: Hold;
  readonly #queue: DiskQueue;

  constructor({ secrets, deadlineMs = DEADLINE_MS, hold = platformHold() }: ReaderOptions) {
    this.#secrets = secrets;
    this.#hold = hold;
    this.#queue = new DiskQueue(deadlineMs);
  }

  /**
   * A file's text; undefined when there is none.
   * @throws Unreadable when it may not be read, is too big, is no UTF-8, or its disk does not answer in time.
   */
  async text(place: Place, maxBytes: number): Promise<string | undefined> {
    const found = await this.#read(place, { maxBytes });
    return found && utf8(found.bytes);
  }

  /** A file, for callers to whom one that is not readable is none. */
  async find(place: Place, limits: ReadLimits): Promise<FoundFile | undefined> {
    const found = await orNothing(() => this.#read(place, limits), undefined);
    return found && { real: found.real, stats: found.stats, text: found.bytes.toString("utf8") };
  }

  /** What lies in a directory, 100,000 entries at most; nothing when it cannot be read. */
  entries(place: Place): Promise<Dirent[]> {
    return orNothing(() => this.#queue.run((turn) => this.#held(place, (held) => entriesIn(held, turn))), []);
  }

  /** A text that changes when a file may have changed, with its kind or with what hinders it; cheaper than reading it. */
  async stamp(place: Place): Promise<string> {
    try {
      return await this.#queue.run(async () => {
        const own = await lstat(join(place.within, place.name), { bigint: true });
        return own.isSymbolicLink()
          ? this.#held(place, async ({ stats }) => fileStamp(stats))
          : fileStamp(own);
      });
    } catch (error) {
      return toUnreadable(error)?.message ?? "none";
    }
  }

  #read(place: Place, { maxBytes, firstBytes = maxBytes }: ReadLimits) {
    return orMissing(() =>
      this.#queue.run((turn) =>
        this.#held(place, async (held) => {
          const { real, stats } = held;
          if (!stats.isFile()) throw new Unreadable(`it is ${describeKind(stats)}, not a file`);
          if (stats.size > maxBytes) throw new Unreadable(`it is too big (over ${maxBytes} bytes)`);
          const length = Math.min(Number(stats.size), firstBytes);
          return { real, stats, bytes: await readBytes(await held.open(), { length, turn }) };
        }),
      ),
    );
  }

  /** Uses what a place names, once it is known to be allowed. */
  async #held<Result>(
    { within, name, isDirect }: Place,
    use: (held: Held) => Promise<Result>,
  ): Promise<Result> {
    const held = await this.#hold(join(within, name));
    try {
      // Afterwards: most files that are looked for are not there.
      const directory = await realpath(within);
      if (isDirect && held.real !== join(directory, name))
        throw new Unreadable("it is reached through a symbolic link");
      if (!isInside(directory, held.real)) throw new Unreadable("it leads out of its directory");
      if (this.#secrets.lookUp().covers(held.real, held.stats))
        throw new Unreadable("it is the server's own (settings, keys or database) or the kernel's");
      const result = await use(held);
      await held.verify();
      return result;
    } finally {
      await held.close();
    }
  }
}

async function entriesIn(held: Held, turn: Turn): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  for await (const entry of await opendir(held.path, { bufferSize: 1_024 }))
    if (entries.push(entry) === MAX_ENTRIES || !turn.isWanted) break;
  return entries;
}

/** Reads and closes a file. */
async function readBytes(
  file: FileHandle,
  { length, turn }: { length: number; turn: Turn },
): Promise<Buffer> {
  try {
    const buffer = Buffer.allocUnsafe(length);
    let at = 0;
    while (at < length && turn.isWanted) {
      const { bytesRead } = await file.read(buffer, at, Math.min(CHUNK_BYTES, length - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
      turn.answered();
    }
    return buffer.subarray(0, at);
  } finally {
    await file.close();
  }
}

/** @throws Unreadable for bytes that are no text. A byte order mark is kept. */
function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Unreadable("it is not UTF-8 text");
  }
}

/** Changes with every change of the content, the name or the permissions. */
function fileStamp(stats: BigIntStats): string {
  return `${fileIdentity(stats)}:${stats.ctimeNs}:${stats.size}`;
}

/** The result; undefined for a file that is not there. @throws Unreadable for one that is, and cannot be read. */
async function orMissing<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    const problem = toUnreadable(error);
    if (problem !== undefined) throw problem;
    return undefined;
  }
}

async function orNothing<Result, Nothing>(
  work: () => Promise<Result>,
  nothing: Nothing,
): Promise<Result | Nothing> {
  try {
    return await work();
  } catch (error) {
    // Only what is about the file; a fault of ours must be seen.
    toUnreadable(error);
    return nothing;
  }
}

/** Why a file that is there cannot be read; undefined when it is not there. @throws the error when it is none of a file's. */
function toUnreadable(error: unknown): Unreadable | undefined {
  if (error instanceof Unreadable) return error;
  const code = systemCode(error);
  if (code === undefined) throw error;
  const isMissing = code === "ENOENT" || code === "ENOTDIR";
  return isMissing ? undefined : new Unreadable(systemReason(error));
}
