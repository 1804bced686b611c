import { setTimeout as sleep } from "node:timers/promises";
import type { Prompts } from "../context/prompt-cache.ts";
import type { Clock } from "../lib/clock.ts";
import type { DiskSpace } from "../lib/disk.ts";
import type { Store } from "../storage/store.ts";

/** What the housekeeping needs. */
export interface HousekeepingDeps {
  store: Pick<Store, "sweep" | "prune" | "sweepPrompts" | "look"> & {
    jobs: Pick<Store["jobs"], "sweepFires">;
  };
  /** How long the history of jobs is kept, ms; 0 for ever. */
  firesKeptMs: number;
  prompts: Pick<Prompts, "held">;
  clock: Clock;
  /** The disk of the store. */
  disk(): Promise<DiskSpace>;
  /** Logs a warning for the operator. */
  warn(message: string): void;
  onFault(error: unknown): void;
}

const ROUND_MS = 10 * 60 * 1000;
const LOOK_MS = 1_000;

/** How long an ended run keeps its deltas unmerged, ms. */
export const DELTAS_KEPT_MS = 60 * 60 * 1000;

/** Rare, because it scans all runs. */
const PROMPTS_EVERY_MS = 24 * 60 * 60 * 1000;

/** Rows handled at a time: a request that arrives meanwhile waits for some ms. */
const PIECE_ROWS = 500;

/** After each piece, requests get the process for REST times as long. */
const REST = 4;

/** Periodic maintenance in small pieces: removes what has expired and merges old deltas. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;
  readonly #timers: readonly NodeJS.Timeout[];
  #round: Promise<void> | undefined;
  #isStopped = false;
  #promptsAt = Number.NEGATIVE_INFINITY;
  #isDiskLow = false;

  constructor(deps: HousekeepingDeps) {
    this.#deps = deps;
    this.#timers = [
      setInterval(() => void this.round(), ROUND_MS).unref(),
      setInterval(() => void this.look(), LOOK_MS).unref(),
    ];
  }

  /** Does everything that is due; one round at a time. Never rejects. */
  round(): Promise<void> {
    this.#round ??= this.#all().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Checks the store; when it is full, removes what has expired. Never rejects. */
  async look(): Promise<void> {
    if ((await this.#deps.store.look()).state === "full" && !this.#isStopped) await this.round();
  }

  /** Resolves when all work has stopped. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#round;
  }

  async #all(): Promise<void> {
    const { store, clock, onFault } = this.#deps;
    const now = clock.now();
    const works = [
      () => this.#lookAtDisk(),
      () => this.#inPieces(async () => (await store.sweep(now, PIECE_ROWS)) === PIECE_ROWS),
      () => this.#inPieces(() => store.prune(now - DELTAS_KEPT_MS)),
      () => this.#sweepFires(now),
      () => this.#sweepPrompts(clock.elapsed()),
    ];
    // A failure of one must not keep the others from running.
    for (const work of works) await work().catch(onFault);
  }

  /** `work` returns whether there is more to do. */
  async #inPieces(work: () => Promise<boolean>): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#isStopped) {
      const began = clock.elapsed();
      if (!(await work())) return;
      await sleep((clock.elapsed() - began) * REST, undefined, { ref: false });
    }
  }

  async #sweepPrompts(elapsed: number): Promise<void> {
    if (elapsed - this.#promptsAt < PROMPTS_EVERY_MS) return;
    this.#promptsAt = elapsed;
    const { store, prompts } = this.#deps;
    const used = new Set<string>();
    let after = "";
    await this.#inPieces(async () => {
      // Also prompts of runs that are about to be stored.
      for (const hash of prompts.held()) used.add(hash);
      const last = await store.sweepPrompts({ used, after, limit: PIECE_ROWS });
      after = last ?? after;
      return last !== undefined;
    });
  }

  async #sweepFires(now: number): Promise<void> {
    const { store, firesKeptMs } = this.#deps;
    if (firesKeptMs === 0) return;
    await this.#inPieces(
      async () => (await store.jobs.sweepFires(now - firesKeptMs, PIECE_ROWS)) === PIECE_ROWS,
    );
  }

  async #lookAtDisk(): Promise<void> {
    const { usedPercent, freeBytes, isLow } = await this.#deps.disk();
    if (isLow && !this.#isDiskLow) {
      const free = Math.floor(freeBytes / 2 ** 20);
      this.#deps.warn(
        `the disk of the home is ${usedPercent} % full (${free} MB left); new work will be refused when it is full`,
      );
    }
    this.#isDiskLow = isLow;
  }
}
