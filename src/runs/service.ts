import { RunStop } from "../agent/stop.ts";
import { draining, serverShutdown, tooManyRequests } from "../domain/error.ts";
import type { Run, RunInput } from "../domain/run.ts";
import { type ActiveRun, prepareRun, type RunDeps } from "./active-run.ts";
import type { Reader } from "./follow.ts";

/** What runs are made of, and how many there may be. */
export interface RunsDeps extends RunDeps {
  /** Running at once; 0 for no limit. */
  maxConcurrent: number;
}

/** A run that was admitted and begins as soon as somebody says so. */
export interface LiveRun {
  readonly run: Run;
  /** Gives a reader every event from the first on; resolves after the last, or when the reader is gone. */
  follow(reader: Reader): Promise<void>;
  /** Does the run; resolves when its terminal event is published. Never rejects. Call it once, whatever happens. */
  begin(): Promise<void>;
  /** Ends the run early; without effect when it has ended. */
  stop(stop: RunStop): void;
}

/** Starts runs, and knows which are going on. */
export class Runs {
  readonly #deps: RunsDeps;
  readonly #live = new Set<ActiveRun>();
  /** Admitted or being admitted. */
  #count = 0;
  #draining = false;
  /** What ran had its time: what is still being prepared gets none. */
  #stopped = false;
  #onIdle: () => void = () => {};

  constructor(deps: RunsDeps) {
    this.#deps = deps;
  }

  /** Runs that go on or wait for their session. */
  get active(): number {
    return this.#count;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /**
   * Takes a run on. Everything that can be wrong with the request itself is found here; what goes wrong later is an
   * event of the run.
   * @throws ApiError 503 while shutting down, 429 above the cap, else as `prepareRun`.
   */
  async admit(input: RunInput): Promise<LiveRun> {
    if (this.#draining) throw draining();
    const { maxConcurrent } = this.#deps;
    if (maxConcurrent > 0 && this.#count >= maxConcurrent) {
      throw tooManyRequests(`Too many concurrent runs (max ${maxConcurrent})`);
    }
    this.#count++;
    try {
      const active = await prepareRun(this.#deps, input, this.#onEnd);
      this.#live.add(active);
      if (this.#stopped) active.stop(RunStop.fail(serverShutdown()));
      return active;
    } catch (error) {
      this.#left();
      throw error;
    }
  }

  /** Takes no more work, lets runs finish for a while, then ends them with an error, and stores everything. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const timer = setTimeout(() => this.#stopAll(), timeoutMs);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#count === 0) resolve();
    });
    clearTimeout(timer);
    await this.#deps.log.flush();
  }

  #stopAll(): void {
    this.#stopped = true;
    for (const run of this.#live) run.stop(RunStop.fail(serverShutdown()));
  }

  readonly #onEnd = (active: ActiveRun): void => {
    this.#live.delete(active);
    this.#left();
  };

  #left(): void {
    this.#count--;
    if (this.#count === 0) this.#onIdle();
  }
}
