/** A connection that can be dropped. */
interface Droppable {
  cut(): void;
}

/** Connections that are open, and the end of them all. */
export class OpenSet<Connection extends Droppable> extends Set<Connection> {
  #onEmpty: () => void = () => {};

  override delete(connection: Connection): boolean {
    const wasOpen = super.delete(connection);
    if (this.size === 0) this.#onEmpty();
    return wasOpen;
  }

  /** Resolves when all are closed; who is not after a while is cut off. */
  async close(graceMs: number): Promise<void> {
    const emptied = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.size === 0) resolve();
    });
    const late = setTimeout(() => {
      for (const connection of this) connection.cut();
    }, graceMs);
    await emptied;
    clearTimeout(late);
  }
}
