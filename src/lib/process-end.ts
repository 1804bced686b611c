import { Worker } from "node:worker_threads";

/** How long threads have to end by themselves, ms. */
const THREADS_MS = 300;
const LOOK_EVERY_MS = 20;

/** Work of Node's thread pool that may never end, by the names of its requests: a FIFO, a dead network disk, a name server. */
const HANGS = /^(FSReq|GetAddrInfo|GetNameInfo)/;

const GUARD = `
  const { workerData } = require("node:worker_threads");
  setTimeout(() => process.kill(process.pid, "SIGKILL"), workerData);
`;

/**
 * Ends the process, whatever its threads do. `process.exit` waits for all of them, and a thread that hangs in the system
 * cannot be ended but with the process; nothing that was acknowledged is lost by that.
 */
export class ProcessEnd {
  readonly #workers = new Set<Worker>();
  #guard: Worker | undefined;

  /** Made once, before there are threads. */
  constructor() {
    process.on("worker", (worker: Worker) => {
      this.#workers.add(worker);
      worker.once("exit", () => this.#workers.delete(worker));
    });
  }

  /** After so much time, ms, the process is killed if it is still there, even when the main thread hangs. */
  within(ms: number): void {
    if (this.#guard !== undefined) return;
    this.#guard = new Worker(GUARD, { eval: true, workerData: ms });
    this.#guard.unref();
  }

  /** Ends the process with a code, or kills it when a thread does not end. */
  async end(code: number): Promise<void> {
    const deadline = performance.now() + THREADS_MS;
    for (const worker of this.#workers) if (worker !== this.#guard) void worker.terminate();
    while (this.#isBusy() && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    if (this.#isBusy()) process.kill(process.pid, "SIGKILL");
    process.exit(code);
  }

  #isBusy(): boolean {
    const others = [...this.#workers].filter((worker) => worker !== this.#guard);
    return others.length > 0 || process.getActiveResourcesInfo().some((name) => HANGS.test(name));
  }
}
