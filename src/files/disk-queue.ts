import { withDeadline } from "./deadline.ts";
import { Unreadable } from "./unreadable.ts";

/** A piece of work as it is done. */
export interface Turn {
  /** False once its caller has given up: what is left of the work need not be done. */
  isWanted: boolean;
  /** The disk has answered: the deadline begins anew. */
  answered(): void;
}

/**
 * Does work on a disk, one piece at a time, each within a deadline. A disk that does not answer (a network mount whose
 * server is gone) blocks the thread that waits for it: with the queue that is one of Node's few threads and not all of
 * them, and all other work is refused until the disk answers.
 */
export class DiskQueue {
  readonly #deadlineMs: number;
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #isBusy = false;
  #isStuck = false;

  /** @param deadlineMs The longest time without an answer, from the start of a piece of work. */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /** @throws Unreadable when the deadline passes, or while earlier work has missed its own. */
  async run<Result>(work: (turn: Turn) => Promise<Result>): Promise<Result> {
    if (this.#isStuck) throw stuck();
    if (this.#isBusy) await this.#wait();
    this.#isBusy = true;
    const turn = { isWanted: true, isOver: false, answered: () => {} };
    try {
      return await withDeadline((restart) => {
        turn.answered = restart;
        return work(turn).finally(() => this.#next(turn));
      }, this.#deadlineMs);
    } finally {
      turn.isWanted = false;
      if (!turn.isOver) this.#giveUp();
    }
  }

  #wait(): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  #next(turn: { isOver: boolean }): void {
    turn.isOver = true;
    this.#isStuck = false;
    const next = this.#waiting.shift();
    if (next === undefined) this.#isBusy = false;
    else next.resolve();
  }

  #giveUp(): void {
    this.#isStuck = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(stuck());
  }
}

function stuck(): Unreadable {
  return new Unreadable("its disk does not answer");
}
