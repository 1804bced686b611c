import type { Socket } from "node:net";
import type { WebSocket } from "@fastify/websocket";
import { type ApiError, type Failure, invalidRequest, tooManyRequests } from "../domain/error.ts";
import { errorType } from "../domain/error-codes.ts";
import type { Budget } from "./budget.ts";
import { httpStatus } from "./errors.ts";

/** Unread bytes above which further events wait in the store, not in memory. */
const HIGH_WATER_BYTES = 64 * 1024;

/** How many messages, and bytes, may wait for the one being answered. */
const MAX_WAITING = 16;
const MAX_WAITING_BYTES = 10_000_000;

/** "Try again later" in the protocol's close codes. */
const TRY_LATER = 1013;

/** How long a client may take to read why no more of its message is read, ms. */
const FAREWELL_MS = 1_000;

/** What a socket tells its owner. */
interface SocketEvents {
  /** Answers the text of a message, in UTF-8; must not reject. */
  answer(text: Buffer): Promise<void>;
  closed(socket: MessageSocket): void;
}

/** What a WebSocket stands on. */
interface Line {
  socket: WebSocket;
  /** Carries the socket's bytes; of a message that has not come whole, only it knows. */
  connection: Socket;
  /** What all sockets may hold of messages that are not answered yet. */
  budget: Budget;
}

/** One WebSocket: its messages are answered one after the other, and slow readers do not fill the memory. */
export class MessageSocket {
  readonly #socket: WebSocket;
  readonly #events: SocketEvents;
  readonly #waiting: (Buffer | undefined)[] = [];
  readonly #budget: Budget;
  #waitingBytes = 0;
  /** Of a message that has not come whole. */
  #arrivingBytes = 0;
  #busy = false;
  #ending: { code: number; reason: string } | undefined;
  #onCaughtUp: (() => void)[] = [];
  #heardAt = performance.now();
  #askedAt = 0;
  #takenAt = performance.now();
  #answeredAt = performance.now();
  /** When it is dropped, whatever its client does. */
  #cutAt = Number.POSITIVE_INFINITY;
  /** Called when the client is gone while a message is being answered. */
  onLeave: (() => void) | undefined;

  constructor({ socket, connection, budget }: Line, events: SocketEvents) {
    this.#socket = socket;
    this.#budget = budget;
    this.#events = events;
    socket.on("message", (data, isBinary) => this.#hear(isBinary ? undefined : (data as Buffer)));
    socket.on("ping", (data) => this.#pong(data));
    socket.on("pong", () => {
      this.#heardAt = performance.now();
    });
    socket.on("close", () => this.#onClose());
    // Before the package looks at the same bytes, and perhaps finds a message whole.
    connection.prependListener("data", (bytes: Buffer) => this.#arrive(bytes.length));
  }

  /** Whether the client has disconnected. */
  get gone(): boolean {
    return this.#socket.readyState === this.#socket.CLOSED;
  }

  /** Whether the client reads slower than it is sent. */
  get behind(): boolean {
    return this.#socket.bufferedAmount > HIGH_WATER_BYTES;
  }

  /** Resolves when the client has read everything sent, or has disconnected. */
  caughtUp(): Promise<void> {
    if (!this.behind || this.gone) return Promise.resolve();
    return new Promise((resolve) => this.#onCaughtUp.push(resolve));
  }

  /** Sends a message; does nothing when the client has disconnected. */
  send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount === 0) this.#takenAt = performance.now();
    this.#socket.send(text, this.#onTaken);
  }

  /** Sends a failure to the client. */
  fail(failure: Failure): void {
    const { code, message, param } = failure;
    const error = { type: errorType(code), code, message, ...(param !== undefined && { param }) };
    this.send(JSON.stringify({ type: "error", status: httpStatus(failure), error }));
  }

  /** Closes the socket, after the message that is being answered. */
  end(code: number, reason: string): void {
    this.#ending = { code, reason };
    this.#forgetWaiting();
    if (!this.#busy) this.#socket.close(code, reason);
  }

  /** Drops the connection. */
  cut(): void {
    this.#socket.terminate();
  }

  /** Checks whether the client is still there: one that reads or sends nothing for too long is disconnected. */
  check(now: number, times: { keepaliveMs: number; writeTimeoutMs: number; idleMs: number }): void {
    const unread = this.#socket.bufferedAmount > 0;
    if (now > this.#cutAt) this.cut();
    else if (unread && now - this.#takenAt > times.writeTimeoutMs) this.cut();
    else if (now - this.#heardAt > times.keepaliveMs + times.writeTimeoutMs) this.cut();
    else if (!this.#busy && now - this.#answeredAt > times.idleMs) this.end(1000, "idle for too long");
    else if (!unread && now - Math.max(this.#heardAt, this.#askedAt) >= times.keepaliveMs) {
      this.#askedAt = now;
      this.#socket.ping();
    }
  }

  /** A part of a message cannot be dropped: without room for it, reading stops. */
  #arrive(bytes: number): void {
    if (this.#budget.take(bytes)) {
      this.#arrivingBytes += bytes;
      return;
    }
    this.fail(noRoom().failure);
    this.end(TRY_LATER, "too much to read at once");
    this.#socket.pause();
    this.#cutAt = performance.now() + FAREWELL_MS;
  }

  #hear(data: Buffer | undefined): void {
    this.#heardAt = performance.now();
    this.#budget.give(this.#arrivingBytes);
    this.#arrivingBytes = 0;
    if (this.#ending !== undefined) return;
    const bytes = data?.length ?? 0;
    const isMuch = this.#waiting.length >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES;
    if (isMuch || !this.#budget.take(bytes)) {
      // A client that keeps sending without reading does not want an answer.
      if (this.behind) this.cut();
      else this.fail(crowded().failure);
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes += bytes;
    if (!this.#busy) void this.#answerAll();
  }

  /** Pongs for a client that reads nothing would fill the memory. */
  #pong(data: Buffer): void {
    this.#heardAt = performance.now();
    if (!this.behind) this.#socket.pong(data);
  }

  async #answerAll(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const data = this.#waiting.shift();
      this.#letGo(data?.length ?? 0);
      if (data === undefined) this.fail(notText().failure);
      else await this.#events.answer(data);
      // Errors are answered at once: a client that sends many bad messages must also read the answers.
      await this.caughtUp();
    }
    this.#busy = false;
    this.#answeredAt = performance.now();
    if (this.#ending !== undefined) this.#socket.close(this.#ending.code, this.#ending.reason);
  }

  #letGo(bytes: number): void {
    this.#waitingBytes -= bytes;
    this.#budget.give(bytes);
  }

  #forgetWaiting(): void {
    this.#waiting.length = 0;
    this.#letGo(this.#waitingBytes);
  }

  readonly #onTaken = (): void => {
    this.#takenAt = performance.now();
    if (!this.behind) this.#release();
  };

  #release(): void {
    const waiting = this.#onCaughtUp;
    this.#onCaughtUp = [];
    for (const resolve of waiting) resolve();
  }

  #onClose(): void {
    this.#forgetWaiting();
    this.#budget.give(this.#arrivingBytes);
    this.#arrivingBytes = 0;
    this.onLeave?.();
    this.#release();
    this.#events.closed(this);
  }
}

function notText(): ApiError {
  return invalidRequest(undefined, "Send text messages that hold JSON, not binary ones.", "invalid_json");
}

function noRoom(): ApiError {
  return tooManyRequests(
    "The messages of all connections are too much to read at once; try again in a moment.",
  );
}

function crowded(): ApiError {
  return tooManyRequests(
    "Too many messages wait to be answered on this connection; wait for a response first.",
  );
}
