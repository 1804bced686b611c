import { Worker } from "node:worker_threads";
import { systemCode } from "../../files/unreadable.ts";
import { ToolError } from "../define.ts";
import type { SearchMatch, SearchResult } from "../workspace.ts";
import { CONTROL, type SearchEnd, type SearchJob, type ThreadNews, type ThreadSetup } from "./search-job.ts";

/** Beside the sources, or beside the built program. */
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./search-worker.ts" : "./search-worker.js",
  import.meta.url,
);
const MAX_HEAP_MB = 64;
const MAX_YOUNG_MB = 4;
/** How often a search under way is looked at. */
const LOOK_MS = 100;
/** What some lines may take; anything but a runaway pattern needs a hundredth of it at most. */
const RUNAWAY_MS = 1_000;
/** How much later than its budget a search is ended from outside: it waits for the disk, or for a hostile .gitignore. */
const OVERDUE_MS = 500;
/** How long a thread without work is kept. */
const IDLE_MS = 5_000;
/** Ended threads that are still there, because the disk does not answer them. */
const MAX_STUCK = 4;

/** A search that somebody waits for. */
export class SearchTask {
  readonly job: SearchJob;
  readonly result: Promise<SearchResult>;
  readonly #matches: SearchMatch[] = [];
  readonly #settle: Pick<PromiseWithResolvers<SearchResult>, "resolve" | "reject">;
  isOver = false;

  constructor(job: SearchJob) {
    const { promise, resolve, reject } = Promise.withResolvers<SearchResult>();
    this.job = job;
    this.result = promise;
    this.#settle = { resolve, reject };
  }

  add(matches: readonly SearchMatch[]): void {
    this.#matches.push(...matches);
  }

  end(end: SearchEnd): void {
    this.isOver = true;
    this.#settle.resolve({ ...end, matches: this.#matches });
  }

  fail(reason: unknown): void {
    this.isOver = true;
    this.#settle.reject(reason);
  }
}

/**
 * A thread for one search after the other. It is started with the first and ended when it has had none for a while, so
 * that its memory comes back; one that does not heed a stop is ended, too, and the next search gets a new one.
 */
export class SearchThread {
  readonly #protectedPaths: readonly string[];
  readonly #onFree: () => void;
  readonly #stuck = new Set<Worker>();
  #worker: Worker | undefined;
  #state: Int32Array<ArrayBufferLike> = new Int32Array(0);
  #task: SearchTask | undefined;
  #watch: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(protectedPaths: readonly string[], onFree: () => void) {
    this.#protectedPaths = protectedPaths;
    this.#onFree = onFree;
  }

  get isFree(): boolean {
    return this.#task === undefined;
  }

  /** Whether it can begin at once. */
  get isWarm(): boolean {
    return this.#worker !== undefined;
  }

  /** Begins a search; only while it is free. */
  begin(task: SearchTask): void {
    this.#task = task;
    clearTimeout(this.#idle);
    if (this.#stuck.size >= MAX_STUCK) {
      task.fail(new ToolError("Searching is not possible now: earlier searches still wait for the disk."));
      this.#free();
      return;
    }
    this.#worker ??= this.#start();
    this.#worker.ref();
    Atomics.store(this.#state, CONTROL.stop, 0);
    this.#worker.postMessage(task.job);
    const look = this.#looker(task);
    this.#watch = setInterval(look, LOOK_MS);
  }

  /** Asks the search to end; who waits for it has been told. */
  stop(task: SearchTask): void {
    if (task === this.#task) Atomics.store(this.#state, CONTROL.stop, 1);
  }

  #start(): Worker {
    const control = new SharedArrayBuffer(Object.keys(CONTROL).length * Int32Array.BYTES_PER_ELEMENT);
    const setup: ThreadSetup = { protectedPaths: this.#protectedPaths, control };
    const worker = new Worker(WORKER, {
      workerData: setup,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: MAX_YOUNG_MB },
      // Nothing of the server reaches the thread, neither its environment nor its flags.
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
    });
    this.#state = new Int32Array(control);
    worker.on("message", (news: ThreadNews) => this.#hear(worker, news));
    worker.once("error", (error) => this.#lose(worker, toSearchError(error)));
    worker.once("exit", () => {
      this.#stuck.delete(worker);
      this.#lose(worker, new ToolError("The search was cut short: try again."));
    });
    return worker;
  }

  #hear(worker: Worker, news: ThreadNews): void {
    const task = this.#task;
    if (worker !== this.#worker || task === undefined) return;
    if ("matches" in news) task.add(news.matches);
    else if ("end" in news) task.end(news.end);
    else task.fail(new ToolError(news.error));
    if (!("matches" in news)) this.#free();
  }

  /** The thread ended by itself. */
  #lose(worker: Worker, reason: ToolError): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    this.#task?.fail(reason);
    if (this.#task !== undefined) this.#free();
  }

  /** What is looked at while a search goes on. */
  #looker(task: SearchTask): () => void {
    let [beat, still, all] = [-1, 0, 0];
    return () => {
      all += LOOK_MS;
      const now = Atomics.load(this.#state, CONTROL.beat);
      still = now === beat ? still + LOOK_MS : 0;
      beat = now;
      const isMatching = Atomics.load(this.#state, CONTROL.matching) === 1;
      if (task.isOver && still > 0) this.#end();
      else if (isMatching && still >= RUNAWAY_MS) {
        task.fail(new ToolError("The pattern takes too long: use a simpler one."));
        this.#end();
      } else if (!task.isOver && all > task.job.budgetMs + OVERDUE_MS) {
        task.end({ cut: "time", passedOver: 0 });
        this.#end();
      }
    };
  }

  /** Ends a thread that does not come back by itself. */
  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker !== undefined) {
      this.#stuck.add(worker);
      worker.unref();
      void worker.terminate();
    }
    this.#free();
  }

  #free(): void {
    clearInterval(this.#watch);
    this.#task = undefined;
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.#rest(), IDLE_MS).unref();
    this.#onFree();
  }

  #rest(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}

function toSearchError(error: unknown): ToolError {
  if (systemCode(error) === "ERR_WORKER_OUT_OF_MEMORY") {
    return new ToolError("The search takes too much memory: narrow it to a directory.");
  }
  return new ToolError(error instanceof Error ? error.message : String(error));
}
