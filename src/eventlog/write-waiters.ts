/** Callers that wait for the writes of a log, which are made one after the other. */
export class WriteWaiters {
  #begun = 0;
  #isGoingOn = false;
  #waiting: Waiting[] | undefined;

  /** Called when a write is given to the store. */
  begin(): void {
    this.#begun++;
    this.#isGoingOn = true;
  }

  /** Called when the write is durable. */
  done(): void {
    this.#isGoingOn = false;
    if (this.#waiting === undefined) return;
    const ready = this.#waiting.filter(({ write }) => write <= this.#begun);
    const left = this.#waiting.filter(({ write }) => write > this.#begun);
    this.#waiting = left.length > 0 ? left : undefined;
    for (const { resolve } of ready) resolve();
  }

  /** Called when the write failed; no other write will follow. */
  fail(error: Error): void {
    this.#isGoingOn = false;
    for (const { reject } of this.#waiting ?? []) reject(error);
    this.#waiting = undefined;
  }

  /** Waits for the write under way, if there is one, or for the next. */
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
