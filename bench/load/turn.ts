import { requestBody, requestTarget, type Scenario, tokensOf } from "../scenarios.ts";
import { type AnswerReader, JsonReader, marksOf, StreamReader } from "./answer.ts";
import { ClientConnection } from "./connection.ts";
import type { Aim } from "./jobs.ts";

/** A turn as bytes, ready to be sent again and again. */
export function requestBytes(aim: Aim, scenario: Scenario, stream: boolean): Buffer {
  const body = requestBody(scenario, stream);
  const { method, path } = requestTarget(scenario);
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: 127.0.0.1:${aim.port}`,
    `authorization: Bearer ${aim.key}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

export interface TurnEvents {
  firstToken?(turn: Turn): void;
  tokens?(count: number): void;
  /** The turn ended; `fault` says why it does not count. */
  ended(turn: Turn, fault: string | undefined): void;
}

/** One connection and the turn that runs on it. */
export class Turn {
  readonly #connection: ClientConnection;
  readonly #request: Buffer;
  readonly #reader: AnswerReader;
  readonly #events: TurnEvents;
  #status = 0;
  #tokens = 0;
  #running = false;
  startedAt = 0;
  broken = false;

  constructor(options: {
    aim: Aim;
    scenario: Scenario;
    stream: boolean;
    events: TurnEvents;
    request: Buffer;
  }) {
    this.#request = options.request;
    this.#events = options.events;
    this.#reader = options.stream
      ? new StreamReader(tokensOf(options.scenario), marksOf(options.scenario))
      : new JsonReader();
    this.#connection = new ClientConnection(options.aim.port, {
      head: (status) => {
        this.#status = status;
      },
      text: options.stream ? (piece) => this.#onStreamText(piece) : (piece) => this.#reader.text(piece),
      end: () => this.#onEnd(),
      broken: (reason) => {
        this.broken = true;
        if (this.#running) this.#finish(reason);
      },
    });
  }

  get running(): boolean {
    return this.#running;
  }

  start(): void {
    this.#running = true;
    this.#tokens = 0;
    this.#reader.begin();
    this.startedAt = performance.now();
    this.#connection.send(this.#request);
  }

  close(): void {
    this.#running = false;
    this.#connection.close();
  }

  #onStreamText(piece: string): void {
    this.#reader.text(piece);
    const tokens = this.#reader.tokens();
    if (tokens === this.#tokens) return;
    if (this.#tokens === 0) this.#events.firstToken?.(this);
    this.#events.tokens?.(tokens - this.#tokens);
    this.#tokens = tokens;
  }

  #onEnd(): void {
    this.#finish(this.#status === 200 ? this.#reader.fault() : `status ${this.#status}`);
  }

  #finish(fault: string | undefined): void {
    this.#running = false;
    this.#events.ended(this, fault);
  }
}
