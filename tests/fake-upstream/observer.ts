import { withDeadline } from "./deadline.ts";
import type { ReceivedRequest } from "./request.ts";

/** What a fake upstream has seen. */
export interface Counts {
  requests: number;
  openSockets: number;
  /** Requests whose answer has not ended, streamed or not. */
  openStreams: number;
  /** Answers that the client broke off. */
  abortedStreams: number;
}

interface Waiter {
  met: () => boolean;
  settle: (failure?: Error) => void;
}

/** Counts what happens and wakes who waits for it. */
export class Observer {
  readonly requests: ReceivedRequest[] = [];
  readonly aborted: ReceivedRequest[] = [];
  #sockets = 0;
  #open = 0;
  readonly #waiters = new Set<Waiter>();

  get counts(): Counts {
    return {
      requests: this.requests.length,
      openSockets: this.#sockets,
      openStreams: this.#open,
      abortedStreams: this.aborted.length,
    };
  }

  arrived(request: ReceivedRequest): void {
    this.requests.push(request);
    this.#open++;
    this.#wake();
  }

  ended(request: ReceivedRequest, outcome: ReceivedRequest["outcome"]): void {
    request.outcome = outcome;
    this.#open--;
    if (outcome === "aborted") this.aborted.push(request);
    this.#wake();
  }

  socket(change: 1 | -1): void {
    this.#sockets += change;
    this.#wake();
  }

  /**
   * Resolves once the condition is met.
   * @throws Error that says what was waited for and what has happened instead, after `ms` or at `close`.
   */
  async until(what: string, met: () => boolean, ms: number): Promise<void> {
    if (met()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      met,
      settle: (failure) => (failure === undefined ? resolve() : reject(failure)),
    };
    this.#waiters.add(waiter);
    const late = () => `fake upstream: ${what} did not happen within ${ms} ms; ${this.#summary()}`;
    await withDeadline(promise, ms, late).finally(() => this.#waiters.delete(waiter));
  }

  /** Nothing more will happen. */
  close(): void {
    const failure = new Error(`fake upstream: closed while a test waited; ${this.#summary()}`);
    for (const waiter of this.#waiters) waiter.settle(failure);
  }

  #wake(): void {
    for (const waiter of this.#waiters) if (waiter.met()) waiter.settle();
  }

  #summary(): string {
    const seen = this.requests.map(({ n, method, path, outcome }) => `#${n} ${method} ${path} ${outcome}`);
    return `${this.#sockets} open sockets; requests: ${seen.join(", ") || "none"}`;
  }
}
