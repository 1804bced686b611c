import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { DEADLINE_MS, withDeadline } from "../fake-upstream/deadline.ts";
import { TEST_KEY } from "./test-app.ts";

/** A message of the server's. */
export interface SocketMessage {
  type: string;
  sequence_number?: number;
  status?: number;
  error?: { type: string; code: string; message: string; param?: string };
  response?: { id: string; status: string; output: { type: string; [key: string]: unknown }[] } & Record<
    string,
    unknown
  >;
  [key: string]: unknown;
}

/** A handshake that was answered by HTTP. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`handshake refused: ${status} ${body}`);
    this.status = status;
    this.body = body;
  }
}

const LAST: readonly string[] = ["response.completed", "response.incomplete", "response.failed", "error"];

/** A client's end of a WebSocket; it is closed with the test. */
export class TestSocket {
  readonly raw: WebSocket;
  readonly #messages: SocketMessage[] = [];
  #look: () => void = () => {};
  /** How the server closed it. */
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(raw: WebSocket) {
    this.raw = raw;
    const closed = Promise.withResolvers<{ code: number; reason: string }>();
    raw.on("message", (data) => {
      this.#messages.push(JSON.parse(String(data)));
      this.#look();
    });
    raw.on("close", (code, reason) => {
      closed.resolve({ code, reason: String(reason) });
      this.#look();
    });
    raw.on("error", () => {});
    this.closed = withDeadline(closed.promise, DEADLINE_MS, () => "the server did not close the socket");
    this.closed.catch(() => {});
  }

  /** Opens one at `http://…/v1/responses`. @throws Refusal when the handshake is answered by HTTP. */
  static async open(
    url: string,
    headers: Record<string, string> = {},
    key: string | undefined = TEST_KEY,
  ): Promise<TestSocket> {
    const raw = new WebSocket(url.replace(/^http/, "ws"), {
      headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...headers },
    });
    const socket = new TestSocket(raw);
    onTestFinished(() => raw.terminate());
    const refused = once(raw, "unexpected-response").then(async ([, response]) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as IncomingMessage) chunks.push(chunk);
      throw new Refusal((response as IncomingMessage).statusCode ?? 0, Buffer.concat(chunks).toString());
    });
    await Promise.race([once(raw, "open"), refused]);
    return socket;
  }

  send(message: object | string | Buffer): void {
    this.raw.send(
      typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message),
    );
  }

  /** The next message. @throws Error when none comes. */
  next(): Promise<SocketMessage> {
    const found = new Promise<SocketMessage>((resolve, reject) => {
      this.#look = () => {
        const message = this.#messages.shift();
        if (message !== undefined) resolve(message);
        else if (this.raw.readyState === WebSocket.CLOSED) reject(new Error("the socket is closed"));
        if (message !== undefined) this.#look = () => {};
      };
      this.#look();
    });
    return withDeadline(found, DEADLINE_MS, () => "no message came");
  }

  /** All messages up to the end of an answer, or an error. */
  async answer(): Promise<SocketMessage[]> {
    const messages = [await this.next()];
    while (!LAST.includes(messages.at(-1)?.type ?? "")) messages.push(await this.next());
    return messages;
  }

  /** Asks for a response; gives its last message. */
  async create(body: object): Promise<SocketMessage> {
    this.send({ type: "response.create", ...body });
    return (await this.answer()).at(-1) as SocketMessage;
  }
}
