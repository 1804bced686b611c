import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createParser, type EventSourceParser } from "eventsource-parser";
import { type Dispatcher, Pool } from "undici";

/**
 * The practical limit of one process: node:http in, undici `dispatch` out, the key checked, JSON and SSE parsed and
 * written anew in both directions, and nothing else. A server that does real work is measured as a share of this.
 * It reads the same environment as the server, so that it can stand in for it.
 */
const port = Number(process.env["API_SERVER_PORT"] ?? 9101);
const authorization = `Bearer ${process.env["API_SERVER_KEY"] ?? ""}`;
const base = new URL(process.env["LLM_BASE_URL"] ?? "http://127.0.0.1:9100/v1");
const upstreamPath = `${base.pathname}/chat/completions`;
const upstreamHeaders = {
  "content-type": "application/json",
  authorization: `Bearer ${process.env["LLM_API_KEY"] ?? ""}`,
};
const upstream = new Pool(base.origin, {
  connections: null,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** Asked for by the stored rows: one row for each turn, committed by itself, before the answer goes out. */
const storeFile = process.env["RELAY_STORE"];
const storeTurn = storeFile === undefined ? undefined : await openStore(storeFile);

async function openStore(file: string): Promise<(request: string, answer: string) => void> {
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(file);
  db.pragma("locking_mode = EXCLUSIVE");
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${process.env["RELAY_SYNC"] ?? "NORMAL"}`);
  db.exec("CREATE TABLE turns (id INTEGER PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL)");
  const insert = db.prepare("INSERT INTO turns (request, answer) VALUES (?, ?)");
  return (request, answer) => {
    insert.run(request, answer);
  };
}

interface ChatRequest {
  model: string;
  messages: unknown[];
  stream?: boolean;
}

function parseRequest(text: string): ChatRequest | undefined {
  try {
    const value: Partial<ChatRequest> = JSON.parse(text);
    return typeof value.model === "string" && Array.isArray(value.messages)
      ? (value as ChatRequest)
      : undefined;
  } catch {
    return undefined;
  }
}

function sendJson(response: ServerResponse, status: number, body: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(
    response,
    status,
    JSON.stringify({ error: { message, type: "relay_error", param: null, code: null } }),
  );
}

/** Ends the upstream's request when the client goes before its answer is whole. */
abstract class Relay implements Dispatcher.DispatchHandler {
  protected readonly response: ServerResponse;
  protected status = 0;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.response.on("close", () => {
      if (!this.response.writableFinished) controller.abort(new Error("client gone"));
    });
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.status = status;
  }

  abstract onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  abstract onResponseEnd(): void;

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (!this.response.destroyed) sendError(this.response, 502, error.message);
  }
}

class JsonRelay extends Relay {
  readonly #chunks: Buffer[] = [];
  readonly #request: string;

  constructor(response: ServerResponse, request: string) {
    super(response);
    this.#request = request;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const only = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const text = (only ?? Buffer.concat(this.#chunks)).toString();
    const answer = JSON.stringify(JSON.parse(text));
    storeTurn?.(this.#request, answer);
    sendJson(this.response, this.status, answer);
  }
}

class StreamRelay extends Relay {
  #out = "";
  #paused = false;
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser = createParser({
    onEvent: ({ data }) => {
      this.#out += data === "[DONE]" ? "data: [DONE]\n\n" : `data: ${JSON.stringify(JSON.parse(data))}\n\n`;
    },
  });

  override onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    super.onResponseStart(controller, status);
    this.response.writeHead(status, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  }

  /** All events of one read leave in one write. */
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
    if (this.#out === "") return;
    const flowing = this.response.write(this.#out);
    this.#out = "";
    if (flowing || this.#paused) return;
    this.#paused = true;
    controller.pause();
    this.response.once("drain", () => {
      this.#paused = false;
      controller.resume();
    });
  }

  onResponseEnd(): void {
    this.response.end();
  }
}

function relayChat(text: string, response: ServerResponse): void {
  const request = parseRequest(text);
  if (request === undefined) {
    sendError(response, 400, "model and messages are needed");
    return;
  }
  upstream.dispatch(
    { path: upstreamPath, method: "POST", headers: upstreamHeaders, body: JSON.stringify(request) },
    request.stream === true ? new StreamRelay(response) : new JsonRelay(response, text),
  );
}

function onRequest(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === "/health") {
    sendJson(response, 200, '{"status":"ok"}');
    return;
  }
  if (request.headers.authorization !== authorization) {
    sendError(response, 401, "wrong key");
    return;
  }
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    sendError(response, 404, "no such path");
    return;
  }
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => relayChat(Buffer.concat(chunks).toString(), response));
}

const server = createServer({ keepAliveTimeout: 60_000, noDelay: true }, onRequest);
server.listen({ port, host: "127.0.0.1", backlog: 4096 });
process.on("SIGTERM", () => process.exit());
