import type { RunId } from "../../domain/id.ts";
import type { Fire } from "../../domain/job.ts";

interface Live {
  fire: Fire;
  stop: AbortController;
}

/** The fires that go on in this process. */
export class LiveFires {
  readonly #live = new Map<string, Live>();
  readonly #stopRun: (fire: Fire) => void;
  #onIdle: () => void = () => {};

  /** `stopRun`: stops the run of a fire, if it has begun. */
  constructor(stopRun: (fire: Fire) => void) {
    this.#stopRun = stopRun;
  }

  get size(): number {
    return this.#live.size;
  }

  /** Does a fire; the signal is aborted when it must go no further. */
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

  /** Ends what goes on of a job. */
  stopJob(jobId: string): void {
    for (const live of this.#live.values()) if (live.fire.jobId === jobId) this.#end(live);
  }

  /** Ends the fire whose run that is, or will be. False: there is none. */
  stopRun(runId: RunId, owner: string): boolean {
    const all = [...this.#live.values()];
    const found = all.find(({ fire }) => fire.runId === runId && fire.owner === owner);
    if (found !== undefined) this.#end(found);
    return found !== undefined;
  }

  /** Resolves when none goes on, or after so much time, ms. */
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
