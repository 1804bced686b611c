import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** How much of what a client still sends is read after the last answer on its connection. */
export interface ClosingLimits {
  /** How long in all, and how long the client may send nothing, ms. */
  lingerMs: number;
  silenceMs: number;
  /** On one connection. */
  maxBytes: number;
  /** At once; any more are closed as they are. */
  maxConnections: number;
}

/** Six bodies of the largest size allowed, which a client at 1 MB/s has time to send. */
const LIMITS: ClosingLimits = {
  lingerMs: 60_000,
  silenceMs: 5_000,
  maxBytes: 64_000_000,
  maxConnections: 256,
};

/** How long a server that shuts down still reads. */
const SHUTDOWN_MS = 500;

/**
 * Closes connections so that their last answer arrives. When a connection is closed while its client is still sending,
 * the kernel resets it, and many clients then report the reset instead of the answer. So the answer is sent, this side
 * is closed, and what the client still sends is read and discarded, within limits.
 * @see RFC 9112 section 9.6
 */
export class Closing {
  readonly #limits: ClosingLimits;
  readonly #sockets = new Set<Socket>();
  /** When the server that shuts down stops reading, on the monotonic clock. */
  #endsAt: number | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(limits: ClosingLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Whether a connection accepts no more requests. */
  has(socket: Socket): boolean {
    return this.#sockets.size > 0 && this.#sockets.has(socket);
  }

  /** Ends the connection after the answer to its current request, which must say `connection: close`. */
  withAnswer(socket: Socket): void {
    this.#add(socket);
  }

  /** Ends the connection with these bytes, after the answers to all complete requests. */
  withBytes(socket: Socket, bytes?: string): void {
    if (!this.#add(socket)) {
      socket.destroy();
      return;
    }
    this.#discard(socket);
    const next = () => {
      const answer = answerOn(socket);
      // When it is finished, Node has assigned the connection to the next response.
      if (answer?.req.complete) answer.once("finish", next);
      else this.#linger(socket, answer?.headersSent ? undefined : bytes);
    };
    next();
  }

  /** Keeps reading for a short time only. */
  shutDown(): void {
    this.#endsAt = performance.now() + SHUTDOWN_MS;
    this.#endSoon();
  }

  #endSoon(): void {
    if (this.#endsAt === undefined || this.#sockets.size === 0) return;
    const leftMs = Math.max(0, this.#endsAt - performance.now());
    this.#end ??= setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, leftMs).unref();
  }

  #remove(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    clearTimeout(this.#end);
    this.#end = undefined;
  }

  #add(socket: Socket): boolean {
    if (this.#sockets.size >= this.#limits.maxConnections) return false;
    this.#sockets.add(socket);
    socket.once("close", () => this.#remove(socket));
    this.#endSoon();
    // Node calls this after an answer that says `connection: close`.
    socket.destroySoon = () => this.#linger(socket);
    return true;
  }

  /** Further bytes are no longer parsed, so no request follows the last one. */
  #discard(socket: Socket): void {
    let left = this.#limits.maxBytes;
    socket.removeAllListeners("data");
    socket.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) socket.destroy();
    });
    socket.resume();
  }

  #linger(socket: Socket, bytes = ""): void {
    if (socket.writableEnded) return;
    this.#discard(socket);
    const late = setTimeout(() => socket.destroy(), this.#limits.lingerMs).unref();
    socket.once("close", () => clearTimeout(late));
    socket.setTimeout(this.#limits.silenceMs, () => socket.destroy());
    socket.end(bytes);
  }
}

/** Returns the response that a connection is carrying; Node has it only under this name. */
function answerOn(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: answer } = socket as { _httpMessage?: (ServerResponse & { req: Upgraded }) | null };
  // A WebSocket's handshake has one that is never sent.
  return answer?.req.upgrade === true ? undefined : (answer ?? undefined);
}

type Upgraded = IncomingMessage & { upgrade?: boolean };
