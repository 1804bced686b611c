import { withDeadline } from "./deadline.ts";
import { Unreadable } from "./unreadable.ts";

/** A piece of work as its caller sees it. */
export interface Turn {
  /** False once the caller has given up: what is left of the work need not be done. */
  isWanted: boolean;
}

/**
 * Does work on a disk, one piece at a time, each within a deadline. A disk that does not answer (a network mount whose
 * server is gone) blocks the thread that waits for it: with the queue that is one of Node's few threads and not all of
 * them, and new work is refused at once until the disk answers.
 */
export class DiskQueue {
  readonly #deadlineMs: number;
  #last: Promise<unknown> = Promise.resolve();
  #isStuck = false;

  /** @param deadlineMs The longest time that a piece of work may take, including its wait in the queue. */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /** @throws Unreadable when the deadline passes, or when earlier work has missed its own and is not over yet. */
  async run<Result>(work: (turn: Turn) => Promise<Result>): Promise<Result> {
    if (this.#isStuck) throw new Unreadable("its disk does not answer");
    const turn = { isWanted: true };
    let isOver = false;
    const mine = this.#last.then(() => {
      if (!turn.isWanted) throw new Unreadable("nobody waits for it");
      return work(turn);
    });
    const end = () => {
      isOver = true;
      this.#isStuck = false;
    };
    this.#last = mine.then(end, end);
    try {
      return await withDeadline(mine, this.#deadlineMs);
    } finally {
      turn.isWanted = false;
      if (!isOver) this.#isStuck = true;
    }
  }
}
