import type { RunId } from "../../domain/id.ts";
import type { Fire } from "../../domain/job.ts";

interface Live {
  fire: Fire;
  stop: AbortController;
}

/** The fires that are being executed in this process. */
export class LiveFires {
  readonly #live = new Map<string, Live>();
  readonly #stopRun: (fire: Fire) => void;
  #onIdle: () => void = () => {};

  /** `stopRun`: stops the run of a fire, if it has started. */
  constructor(stopRun: (fire: Fire) => void) {
    this.#stopRun = stopRun;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Executes a fire; the signal is aborted when it must stop. */
  async during(fire: Fire, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    this.#live.set(fire.id, { fire, stop });
    try {
      await work(stop.signal);
    } finally {
      this.#live.delete(fire.id);
      if (this.#live.size === 0) this.#onIdle();
    }
  }

  /** Stops the live fires of a job. */
  stopJob(jobId: string): void {
    for (const live of this.#live.values()) if (live.fire.jobId === jobId) this.#end(live);
  }

  /** Stops the fire that has, or will have, this run; returns false if there is none. */
  stopRun(runId: RunId, owner: string): boolean {
    const all = [...this.#live.values()];
    const found = all.find(({ fire }) => fire.runId === runId && fire.owner === owner);
    if (found !== undefined) this.#end(found);
    return found !== undefined;
  }

  /** Resolves when no fire is live, or after a time, ms. */
  async whenIdle(timeoutMs: number): Promise<void> {
    if (this.#live.size === 0) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  #end({ fire, stop }: Live): void {
    stop.abort();
    this.#stopRun(fire);
  }
}
