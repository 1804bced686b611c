import { request } from "node:http";
import OpenAI, { APIError } from "openai";
import { TEST_KEY } from "./test-app.ts";

/** Sends a body of so many bytes to a URL; resolves with the status of the answer, or with what went wrong. */
export type Upload = (url: string, bytes: number) => Promise<string>;

const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
const PIECE_BYTES = 65_536;

/** Clients that people use, and how each sends a body. */
export const UPLOADS: readonly (readonly [client: string, upload: Upload])[] = [
  ["fetch", (url, bytes) => byFetch(url, Buffer.alloc(bytes, "a"))],
  ["fetch, in chunks", (url, bytes) => byFetch(url, piecesOf(bytes))],
  ["node:http", (url, bytes) => byHttp(url, bytes, { "content-length": String(bytes) })],
  ["node:http, in chunks", (url, bytes) => byHttp(url, bytes, {})],
  ["node:http, connection: close", (url, bytes) => byHttp(url, bytes, { connection: "close" })],
  ["openai", byOpenai],
];

function piecesOf(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(Math.min(left, PIECE_BYTES)).fill(97));
      left -= PIECE_BYTES;
      if (left <= 0) controller.close();
    },
  });
}

async function byFetch(url: string, body: NonNullable<RequestInit["body"]>): Promise<string> {
  try {
    const response = await fetch(url, { method: "POST", headers: HEADERS, body, duplex: "half" });
    return outcomeOf(response.status, await response.text());
  } catch (error) {
    const { cause } = error as { cause?: NodeJS.ErrnoException };
    return `failed: ${cause?.code ?? String(error)}`;
  }
}

function byHttp(url: string, bytes: number, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    let outcome = "closed without an answer";
    const sent = request(url, { method: "POST", headers: { ...HEADERS, ...headers } }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        outcome = outcomeOf(response.statusCode, text);
      });
    });
    // An error beside the answer is one, too.
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code}`));
    sent.on("close", () => resolve(outcome));
    for (let left = bytes; left > 0; left -= PIECE_BYTES)
      sent.write(Buffer.alloc(Math.min(left, PIECE_BYTES), "a"));
    sent.end();
  });
}

async function byOpenai(url: string, bytes: number): Promise<string> {
  const client = new OpenAI({ baseURL: new URL("/v1", url).href, apiKey: TEST_KEY, maxRetries: 0 });
  const messages = [{ role: "user" as const, content: "a".repeat(bytes) }];
  try {
    await client.chat.completions.create({ model: "hermes-agent", messages });
    return "200";
  } catch (error) {
    return error instanceof APIError && error.status !== undefined
      ? String(error.status)
      : `failed: ${error}`;
  }
}

/** An answer counts when it came with its envelope. */
function outcomeOf(status: number | undefined, text: string): string {
  return text.includes('"error"') && text.endsWith("}") ? String(status) : `${status} with ${text}`;
}
