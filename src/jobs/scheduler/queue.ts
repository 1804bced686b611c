import type { Fire, Overlap } from "../../domain/job.ts";

/** A fire that waits to be started. */
interface Waiting {
  fire: Fire;
  overlap: Overlap;
}

/** Waiting and running fires; decides which may start, in order of arrival. */
export class FireQueue {
  readonly #maxRunning: number;
  readonly #ready = new Map<string, Waiting>();
  /** Fires whose time has not come. */
  readonly #later = new Map<string, Waiting>();
  /** How many fires are ready, by job. */
  readonly #readyOf = new Map<string, number>();
  /** Running fires, by job. */
  readonly #running = new Map<string, Set<string>>();
  /** The earliest time of the delayed fires, or an earlier one. */
  #nextDueAt = Number.POSITIVE_INFINITY;
  #count = 0;

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning;
  }

  add(waiting: Waiting, now: number): void {
    const { fire } = waiting;
    if (fire.dueAt > now) {
      this.#later.set(fire.id, waiting);
      this.#nextDueAt = Math.min(this.#nextDueAt, fire.dueAt);
    } else {
      this.#ready.set(fire.id, waiting);
      this.#readyOf.set(fire.jobId, (this.#readyOf.get(fire.jobId) ?? 0) + 1);
    }
  }

  /** How many fires wait, for their time or for room. */
  get size(): number {
    return this.#ready.size + this.#later.size;
  }

  /** Returns whether a fire of the job is running, or would be if there were room. */
  isBusy(jobId: string): boolean {
    return this.#running.has(jobId) || this.#readyOf.has(jobId);
  }

  /** Takes the next fire that may start; undefined if none may. */
  take(now: number): Fire | undefined {
    if (this.#nextDueAt <= now) this.#wake(now);
    if (this.#count >= this.#maxRunning) return undefined;
    for (const { fire, overlap } of this.#ready.values()) {
      if (overlap !== "allow" && this.#running.has(fire.jobId)) continue;
      this.#leave(fire);
      this.begin(fire);
      return fire;
    }
    return undefined;
  }

  /** Records a running fire: one that was taken, or that a former process had started. */
  begin({ id, jobId }: Fire): void {
    const of = this.#running.get(jobId) ?? new Set();
    this.#running.set(jobId, of.add(id));
    this.#count++;
  }

  /** Records that a running fire has ended. */
  end({ id, jobId }: Fire): void {
    const of = this.#running.get(jobId);
    if (of?.delete(id) !== true) return;
    this.#count--;
    if (of.size === 0) this.#running.delete(jobId);
  }

  /** Removes the waiting fires of a job. */
  drop(jobId: string): Fire[] {
    const dropped = [...this.#ready.values(), ...this.#later.values()]
      .map(({ fire }) => fire)
      .filter((fire) => fire.jobId === jobId);
    for (const fire of dropped) if (!this.#later.delete(fire.id)) this.#leave(fire);
    return dropped;
  }

  /** Returns when the next delayed fire may start, epoch ms. */
  get nextDueAt(): number | undefined {
    return Number.isFinite(this.#nextDueAt) ? this.#nextDueAt : undefined;
  }

  #wake(now: number): void {
    const all = [...this.#later.values()];
    this.#later.clear();
    this.#nextDueAt = Number.POSITIVE_INFINITY;
    for (const waiting of all) this.add(waiting, now);
  }

  #leave({ id, jobId }: Fire): void {
    this.#ready.delete(id);
    const left = (this.#readyOf.get(jobId) ?? 0) - 1;
    if (left > 0) this.#readyOf.set(jobId, left);
    else this.#readyOf.delete(jobId);
  }
}
