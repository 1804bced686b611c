import { createHmac } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import { type JsonObject, parseJsonObject } from "../../../src/lib/json.ts";
import type { Protocol } from "../../../src/providers/protocol.ts";
import { type ModelResult, ProviderError, type Served } from "../../../src/providers/provider.ts";
import type { AnswerReader } from "../../../src/providers/transport/answer-stream.ts";
import { Assembler } from "../../../src/providers/transport/assembler.ts";
import type { FrameReader, Framing, OnMessage } from "../../../src/providers/transport/framing.ts";
import { createHttpProvider } from "../../../src/providers/transport/http-provider.ts";

/**
 * The smallest protocol that uses every part of the contract: requests are signed one by one, and streams are binary.
 * An answer is `{"text": "…"}`; a stream has any number of these and then `{"end": true}`.
 */
export const example: Protocol = {
  name: "example",
  aliases: ["example_protocol"],
  recognises: ({ pathname }) => pathname.endsWith("/example"),
  endpoint: (baseUrl) => baseUrl.replace(/\/$/, ""),
  headers: () => ({ "x-example-version": "1" }),
  create: (upstream, policy) =>
    createHttpProvider(upstream, policy, {
      framing: lengthPrefixed,
      async sign({ body }) {
        // Credentials may have to be fetched first.
        await nextTurn();
        return { "x-signature": signature(upstream.apiKey ?? "", body) };
      },
      encode: ({ model, items, stream }) => ({
        path: "/generate",
        body: JSON.stringify({ model, items, stream }),
        stream,
      }),
      createReader: (asked) => new ExampleAnswer(asked),
    }),
  listModels: async () => ["example-1"],
};

/** The signature of a request's body. */
export function signature(key: string, body: Buffer): string {
  return createHmac("sha256", key).update(body).digest("hex");
}

const LENGTH_BYTES = 4;

/** Each message is JSON after its length in four bytes. */
const lengthPrefixed: Framing = {
  contentType: "application/x-example",
  isStream: (_start, isDeclared) => isDeclared,
  open: (onMessage) => new LengthPrefixedReader(onMessage),
};

/** Writes one message as a frame. */
export function frame(message: object): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

class LengthPrefixedReader implements FrameReader {
  readonly #onMessage: OnMessage;
  #rest = Buffer.alloc(0);
  #isDone = false;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
  }

  feed(bytes: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (!this.#isDone && this.#rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#rest.readUInt32BE();
      if (this.#rest.length < end) break;
      const message = parseJsonObject(this.#rest.toString("utf8", LENGTH_BYTES, end));
      if (message === undefined) throw new ProviderError("malformed", "A frame is not JSON.");
      this.#rest = this.#rest.subarray(end);
      this.#isDone = this.#onMessage(message);
    }
    return this.#isDone;
  }

  end(): void {}
}

class ExampleAnswer implements AnswerReader {
  readonly assembler = new Assembler();
  readonly #served: Served;
  isComplete = false;

  constructor(served: Served) {
    this.#served = served;
  }

  readMessage({ text, end }: JsonObject): boolean {
    if (typeof text === "string") this.#addText(text);
    this.isComplete = end === true;
    return this.isComplete;
  }

  readWhole({ text }: JsonObject): void {
    if (typeof text !== "string") throw new ProviderError("malformed", "The answer has no text.");
    this.#addText(text);
  }

  finish(): ModelResult {
    return { items: this.assembler.items, finish: "stop", usage: NO_USAGE, served: this.#served };
  }

  #addText(text: string): void {
    if (this.assembler.items.length === 0)
      this.assembler.start({ type: "message", role: "assistant", content: [] });
    this.assembler.add(0, "text", text);
  }
}
