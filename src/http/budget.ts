/** A shared limit, in bytes or characters. */
export class Budget {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Reserves an amount; returns false, without reserving, if it exceeds the limit. */
  take(amount: number): boolean {
    if (this.#held + amount > this.#max) return false;
    this.#held += amount;
    return true;
  }

  /** Releases an amount. */
  give(amount: number): void {
    this.#held -= amount;
  }
}
