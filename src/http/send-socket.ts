import { type AgentEvent, isTerminal } from "../domain/event.ts";
import type { Reader } from "../eventlog/follow.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { MessageEncoder } from "../wire/shared/encoder.ts";
import type { MessageSocket } from "./message-socket.ts";
import { type Disconnect, leaveRun } from "./send.ts";

/** How a run is sent over a socket. */
interface SocketSendOptions {
  run: LiveRun;
  encoder: MessageEncoder;
  disconnect: Disconnect;
  /** Receives every event that is sent to the client. */
  hear(event: AgentEvent): void;
}

/** Starts a run and sends its view, one message per frame; resolves when the run has ended. */
export async function sendRunOver(socket: MessageSocket, options: SocketSendOptions): Promise<void> {
  const reader = new SocketReader(socket, options);
  if (socket.gone) reader.leave();
  else {
    socket.onLeave = () => reader.leave();
    for (const message of options.encoder.opening()) socket.send(message);
  }
  // A view that cannot be completed must not look as if it had ended well.
  const followed = options.run.follow(reader).catch(() => socket.cut());
  await options.run.begin();
  await followed;
  socket.onLeave = undefined;
}

/** Reads a run as messages. */
class SocketReader implements Reader {
  readonly #socket: MessageSocket;
  readonly #options: SocketSendOptions;
  #ended = false;
  gone = false;
  onGone: (() => void) | undefined;

  constructor(socket: MessageSocket, options: SocketSendOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  push(event: AgentEvent): void {
    const { encoder, hear } = this.#options;
    for (const message of encoder.messages(event)) this.#socket.send(message);
    this.#ended = isTerminal(event);
    hear(event);
  }

  behind(): boolean {
    return this.#socket.behind;
  }

  caughtUp(): Promise<void> {
    return this.#socket.caughtUp();
  }

  /** The client closed the connection. */
  leave(): void {
    this.gone = true;
    this.onGone?.();
    if (!this.#ended) leaveRun(this.#options.run, this.#options.disconnect);
  }
}
