/**
 * Collects what is added during one turn of the event loop and hands it over together, after I/O callbacks
 * (`setImmediate`): one commit or one socket write for everything that a burst brought.
 */
export class TickBatch<Entry> {
  #entries: Entry[] = [];
  #scheduled = false;
  readonly #flush: (entries: Entry[]) => void;

  constructor(flush: (entries: Entry[]) => void) {
    this.#flush = flush;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const entries = this.#entries;
    this.#entries = [];
    this.#scheduled = false;
    this.#flush(entries);
  };
}
