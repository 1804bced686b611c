/** Who waits for a log's writes, which are made one after the other. */
export class WriteWaiters {
  #begun = 0;
  #isGoingOn = false;
  #waiting: Waiting[] | undefined;

  /** A write is given to the store. */
  begin(): void {
    this.#begun++;
    this.#isGoingOn = true;
  }

  /** It is durable. */
  done(): void {
    this.#isGoingOn = false;
    if (this.#waiting === undefined) return;
    const ready = this.#waiting.filter(({ write }) => write <= this.#begun);
    const left = this.#waiting.filter(({ write }) => write > this.#begun);
    this.#waiting = left.length > 0 ? left : undefined;
    for (const { resolve } of ready) resolve();
  }

  /** It failed, and no other will be made. */
  fail(error: Error): void {
    this.#isGoingOn = false;
    for (const { reject } of this.#waiting ?? []) reject(error);
    this.#waiting = undefined;
  }

  /** Resolves with the write that goes on, if one does, or with the next, for what it does not have. */
  wait(which: "current" | "next"): Promise<void> {
    if (which === "current" && !this.#isGoingOn) return Promise.resolve();
    const write = which === "current" ? this.#begun : this.#begun + 1;
    return new Promise((resolve, reject) => {
      this.#waiting = [...(this.#waiting ?? []), { write, resolve, reject }];
    });
  }
}

interface Waiting {
  write: number;
  resolve(): void;
  reject(error: Error): void;
}
