/** Work that is done one round at a time: whoever asks while a round goes on has another one follow it. */
export class Coalesced {
  readonly #work: () => Promise<void>;
  #current: Promise<void> | undefined;
  #again = false;

  /** @param work must not reject. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Begins a round, or has one follow; resolves when the one that goes on is over. */
  run(): Promise<void> {
    this.#again = this.#current !== undefined;
    this.#current ??= this.#work().finally(() => {
      this.#current = undefined;
      if (this.#again) void this.run();
    });
    return this.#current;
  }

  /** Resolves when the round that goes on is over. */
  async over(): Promise<void> {
    await this.#current;
  }
}
