import { closeSync, readSync } from "node:fs";
import type { Pinned } from "../../files/pin.ts";
import { systemCode } from "../../files/unreadable.ts";
import { ToolError } from "../define.ts";
import type { SearchMatch } from "../workspace.ts";
import { explain, type Limits, type OpenFile, openInside, pinInside } from "./confinement.ts";
import { LineSplitter } from "./lines.ts";
import type { SearchEnd, SearchJob } from "./search-job.ts";
import { isShown, openWalked, walkFiles } from "./walk.ts";

/** Of a longer line only the beginning is searched: what a pattern costs can grow with the square of it. */
const MAX_LINE_CHARS = 2_000;
const MAX_SHOWN_CHARS = 300;
const CHUNK_BYTES = 64 * 1024;
/** So few that only a runaway pattern takes long over them, also on a busy machine. */
const LINES_PER_STEP = 8;

/** Who looks on while a search goes on; what it throws ends the search. */
interface SearchWatcher {
  found(match: SearchMatch): void;
  /** Called before each step: a look at an entry or a chunk of a file, or the tests of some lines. */
  step(isMatching: boolean): void;
}

class TimeUp extends Error {}

/**
 * Searches files, or lines in them, in the order of their names. Blocks until it is done: it belongs into a thread of
 * its own, where a pattern that backtracks without end can be stopped from outside.
 * @throws ToolError when the path cannot be searched; whatever the watcher throws.
 */
export function search(limits: Limits, job: SearchJob, watcher: SearchWatcher): SearchEnd {
  const deadline = performance.now() + job.budgetMs;
  const step = (isMatching: boolean): void => {
    watcher.step(isMatching);
    if (performance.now() > deadline) throw new TimeUp();
  };
  const running = new Search(limits, job, step);
  try {
    let count = 0;
    for (const match of running.matches()) {
      if (++count > job.limit) return { cut: "limit", passedOver: running.passedOver };
      watcher.found(match);
    }
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    return { cut: "time", passedOver: running.passedOver };
  }
  return { passedOver: running.passedOver };
}

class Search {
  /** Files that are no text or could not be read. */
  passedOver = 0;
  readonly #limits: Limits;
  readonly #job: SearchJob;
  readonly #step: (isMatching: boolean) => void;
  readonly #whole = new LineSplitter(MAX_LINE_CHARS);
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES);

  constructor(limits: Limits, job: SearchJob, step: (isMatching: boolean) => void) {
    this.#limits = limits;
    this.#job = job;
    this.#step = step;
  }

  *matches(): Generator<SearchMatch> {
    const { path, pattern } = this.#job;
    if (pattern === undefined) return yield* this.#files(this.#directory());
    const regex = new RegExp(pattern.source, pattern.flags);
    const file = this.#oneFile();
    if (file === undefined) return yield* this.#linesBelow(this.#directory(), regex);
    try {
      yield* this.#linesIn(file, path, regex);
    } catch (error) {
      throw explain(path, error);
    } finally {
      closeSync(file.fd);
    }
  }

  #directory(): Pinned {
    const { path } = this.#job;
    try {
      return pinInside(this.#limits, path, "a directory");
    } catch (error) {
      throw explain(path, error);
    }
  }

  /** The file that the path names, open; undefined when it names a directory. @throws ToolError when it is neither. */
  #oneFile(): OpenFile | undefined {
    const { path } = this.#job;
    try {
      pinInside(this.#limits, path, "a directory").close();
      return undefined;
    } catch {
      try {
        return openInside(this.#limits, path);
      } catch (error) {
        throw explain(path, error);
      }
    }
  }

  #walk(start: Pinned) {
    return walkFiles(this.#limits, start, { glob: this.#job.glob, pace: () => this.#step(false) });
  }

  *#files(start: Pinned): Generator<SearchMatch> {
    for (const file of this.#walk(start)) if (isShown(file)) yield { path: file.path };
  }

  *#linesBelow(start: Pinned, regex: RegExp): Generator<SearchMatch> {
    for (const walked of this.#walk(start)) {
      try {
        const file = openWalked(walked);
        if (file === undefined) continue;
        try {
          yield* this.#linesIn(file, walked.path, regex);
        } finally {
          closeSync(file.fd);
        }
      } catch (error) {
        if (!(error instanceof ToolError) && systemCode(error) === undefined) throw error;
        this.passedOver++;
      }
    }
  }

  /** @throws ToolError as soon as it shows that the file is no text. */
  *#linesIn(file: OpenFile, path: string, regex: RegExp): Generator<SearchMatch> {
    let number = 0;
    for (const lines of this.#batchesOf(file)) {
      this.#step(true);
      for (const line of lines) {
        if (++number % LINES_PER_STEP === 0) this.#step(true);
        if (regex.test(line.slice(0, MAX_LINE_CHARS))) {
          yield { path, line: { number, text: shortened(line) } };
        }
      }
      this.#step(false);
    }
  }

  *#batchesOf({ fd, size }: OpenFile): Generator<string[]> {
    const read = () => readSync(fd, this.#chunk, 0, CHUNK_BYTES, null);
    const first = read();
    // What comes short at the file's end is all of it: most files need no second read.
    if (first === size && first < CHUNK_BYTES) {
      return yield this.#whole.whole(this.#chunk.subarray(0, first));
    }
    const splitter = new LineSplitter(MAX_LINE_CHARS);
    for (let bytes = first; bytes > 0; bytes = read()) yield splitter.push(this.#chunk.subarray(0, bytes));
    yield splitter.end();
  }
}

function shortened(line: string): string {
  return line.length <= MAX_SHOWN_CHARS ? line : `${line.slice(0, MAX_SHOWN_CHARS)}…`;
}
