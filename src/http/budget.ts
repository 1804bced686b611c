/** How much several may hold together, of bytes or characters. */
export class Budget {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Holds so much more; false when that is too much, and then no more is held. */
  take(amount: number): boolean {
    if (this.#held + amount > this.#max) return false;
    this.#held += amount;
    return true;
  }

  /** Holds so much less. */
  give(amount: number): void {
    this.#held -= amount;
  }
}
