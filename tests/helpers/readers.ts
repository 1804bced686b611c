import type { AgentEvent } from "../../src/domain/event.ts";
import type { Reader } from "../../src/eventlog/follow.ts";

/** A reader that keeps what it gets, and falls behind and catches up as it is told. */
export class TestReader implements Reader {
  readonly events: AgentEvent[] = [];
  /** How many more events it takes before it is behind. */
  room: number;
  gone = false;
  onGone: (() => void) | undefined;
  #caughtUp = Promise.withResolvers<void>();
  #waiting = Promise.withResolvers<void>();

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  push(event: AgentEvent): void {
    this.events.push(event);
    this.room--;
  }

  behind(): boolean {
    return this.room <= 0;
  }

  caughtUp(): Promise<void> {
    this.#waiting.resolve();
    return this.#caughtUp.promise;
  }

  /** Resolves when it is waited for. */
  waitedFor(): Promise<void> {
    return this.#waiting.promise;
  }

  /** Takes so many more. */
  catchUp(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    this.#waiting = Promise.withResolvers();
    this.#caughtUp.resolve();
    this.#caughtUp = Promise.withResolvers();
  }

  leave(): void {
    this.gone = true;
    this.onGone?.();
  }
}
