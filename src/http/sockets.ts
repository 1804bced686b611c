import type { Socket } from "node:net";
import type { WebSocket } from "@fastify/websocket";
import { ApiError, draining, internalError, tooManyRequests } from "../domain/error.ts";
import { Budget } from "./budget.ts";
import { MessageSocket } from "./message-socket.ts";
import { OpenSet } from "./open-set.ts";

/** Timeouts of sockets, ms. */
interface SocketTimes {
  /** Longest silence before the client is pinged. */
  keepaliveMs: number;
  /** How long a client may read nothing, or not answer a ping, before it is disconnected. */
  writeTimeoutMs: number;
  /** How long a socket may stay open without a message to answer. */
  idleMs: number;
}

/** Answers one message of a client. Its errors are sent to the client, and the socket stays open. */
type Answer = (message: unknown, socket: MessageSocket) => Promise<void>;

/** What all sockets share. */
interface SocketsOptions {
  times: SocketTimes;
  /** Open at once; each may hold a conversation in memory. */
  maxOpen: number;
  /** Parses JSON text in UTF-8. @throws ApiError for anything else. */
  parse(text: Buffer): unknown;
  /** Receives internal errors, which clients do not see. */
  onFault(error: unknown): void;
}

/** What all sockets together may hold of incomplete or waiting messages; one message may have 10 MB. */
const MAX_HELD_BYTES = 64_000_000;

/** Going away, in the protocol's numbers. */
const GOING_AWAY = 1001;

/** All open WebSockets; one timer checks them. */
export class Sockets {
  readonly #options: SocketsOptions;
  readonly #open = new OpenSet<MessageSocket>();
  readonly #budget = new Budget(MAX_HELD_BYTES);
  readonly #timer: NodeJS.Timeout;
  #draining = false;

  constructor(options: SocketsOptions) {
    this.#options = options;
    const intervalMs = Math.max(5, Math.min(1_000, options.times.keepaliveMs / 4));
    this.#timer = setInterval(() => this.#sweep(), intervalMs).unref();
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Before a handshake is answered.
   * @throws ApiError 503 while shutting down, 429 when too many are open.
   */
  admit(): void {
    if (this.#draining) throw draining();
    const { maxOpen } = this.#options;
    if (this.#open.size < maxOpen) return;
    throw tooManyRequests(`Too many open WebSockets (max ${maxOpen})`);
  }

  /** Adds a socket whose handshake is complete. */
  start({ socket, connection }: { socket: WebSocket; connection: Socket }, answer: Answer): void {
    const line: MessageSocket = new MessageSocket(
      { socket, connection, budget: this.#budget },
      { answer: (text) => this.#answer(text, line, answer), closed: () => this.#forget(line) },
    );
    this.#open.add(line);
    if (this.#draining) this.#dismiss(line);
  }

  /** Accepts no more messages; each socket is closed after the message being answered. */
  drain(): void {
    this.#draining = true;
    for (const line of this.#open) this.#dismiss(line);
  }

  /** Resolves when all are closed; the rest is cut off after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.drain();
    await this.#open.close(graceMs);
    clearInterval(this.#timer);
  }

  #dismiss(line: MessageSocket): void {
    line.end(GOING_AWAY, "the server is shutting down");
  }

  async #answer(text: Buffer, line: MessageSocket, answer: Answer): Promise<void> {
    try {
      await answer(this.#options.parse(text), line);
    } catch (error) {
      if (error instanceof ApiError) {
        line.fail(error.failure);
        return;
      }
      this.#options.onFault(error);
      line.fail(internalError());
    }
  }

  #forget(line: MessageSocket): void {
    this.#open.delete(line);
  }

  #sweep(): void {
    const now = performance.now();
    for (const line of this.#open) line.check(now, this.#options.times);
  }
}
