import type { Socket } from "node:net";
import { fromMark, MARK_BYTES, PLAIN_TEXT, type Scenario, TOOL_FILE_TEXT } from "../scenarios.ts";
import * as answers from "./answers.ts";
import { counters } from "./counters.ts";
import { type OpenStream, openBlast, openFirst, openHeld, openPaced } from "./streams.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const STREAM_ASKED = Buffer.from('"stream":true');
const USAGE_ASKED = Buffer.from('"include_usage":true');
const TOOL_RESULT = Buffer.from('"role":"tool"');
const NOT_FOUND = answers.httpJson("404 Not Found", '{"error":{"message":"no such path"}}');
const LENGTH_REQUIRED = answers.httpJson(
  "411 Length Required",
  '{"error":{"message":"content-length needed"}}',
);
const MODELS = answers.httpJson("200 OK", '{"object":"list","data":[{"id":"bench","object":"model"}]}');
const PLAIN = answers.textCompletion(PLAIN_TEXT);
const TOOL_RESULT_LOST = answers.textCompletion("the tool's result is not the file");
const STREAM_RESULT_LOST = answers.streamText("the tool's result is not the file");

/** The body's last mark: a target may put text of its own before the user's. */
function lastMarkAt(body: Buffer): number {
  let at = body.indexOf(MARK_BYTES);
  for (let next = at; next !== -1; next = body.indexOf(MARK_BYTES, next + 1)) at = next;
  return at;
}

function contentLength(head: string): number | undefined {
  if (head.startsWith("GET ")) return 0;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  return length === undefined ? undefined : Number(length);
}

/**
 * One connection from the target. HTTP is read by hand and the body is searched instead of parsed: upstream and
 * generator share a core, so what the upstream saves is what the target can be loaded with.
 */
export class Connection {
  readonly #socket: Socket;
  #parts: Buffer[] = [];
  #size = 0;
  #needed = 0;
  #open: OpenStream | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    counters.connections += 1;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#onClose());
  }

  #onClose(): void {
    counters.connections -= 1;
    if (this.#open === undefined) return;
    counters.aborted += 1;
    this.#open.cancel();
    this.#open = undefined;
  }

  #onData(chunk: Buffer): void {
    if (this.#size === 0) {
      this.#take(chunk);
      return;
    }
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;
    const all = Buffer.concat(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    this.#take(all);
  }

  /** Keeps an incomplete request until it has `needed` bytes. */
  #keep(buffer: Buffer, needed: number): void {
    this.#parts = [buffer];
    this.#size = buffer.length;
    this.#needed = needed;
  }

  #take(buffer: Buffer): void {
    const headEnd = buffer.indexOf(HEAD_END);
    if (headEnd === -1) {
      this.#keep(buffer, buffer.length + 1);
      return;
    }
    const head = buffer.toString("latin1", 0, headEnd);
    const length = contentLength(head);
    if (length === undefined) {
      this.#socket.end(LENGTH_REQUIRED);
      return;
    }
    const end = headEnd + HEAD_END.length + length;
    if (buffer.length < end) {
      this.#keep(buffer, end);
      return;
    }
    this.#route(head, buffer.subarray(headEnd + HEAD_END.length, end));
    if (buffer.length > end) this.#take(buffer.subarray(end));
  }

  #route(head: string, body: Buffer): void {
    if (head.startsWith("POST /v1/chat/completions")) this.#answer(body);
    else if (head.startsWith("GET /control"))
      this.#socket.write(answers.httpJson("200 OK", JSON.stringify(counters)));
    else if (head.startsWith("GET /v1/models")) this.#socket.write(MODELS);
    else this.#socket.write(NOT_FOUND);
  }

  #answer(body: Buffer): void {
    counters.requests += 1;
    const markAt = lastMarkAt(body);
    const scenario = markAt === -1 ? fromMark("") : fromMark(body.toString("latin1", markAt, markAt + 40));
    const streamed = body.includes(STREAM_ASKED);
    const withUsage = streamed && body.includes(USAGE_ASKED);
    if (scenario.kind === "tool") this.#answerTool(body.subarray(markAt), streamed, withUsage);
    else if (streamed) this.#stream(scenario, withUsage);
    else if (scenario.kind === "paced") this.#writeIn(scenario.tokens * scenario.everyMs);
    else this.#socket.write(PLAIN);
  }

  /** The whole answer when its last token would have come. */
  #writeIn(ms: number): void {
    setTimeout(() => this.#socket.writable && this.#socket.write(PLAIN), ms);
  }

  #answerTool(afterMark: Buffer, streamed: boolean, withUsage: boolean): void {
    if (!afterMark.includes(TOOL_RESULT)) {
      counters.toolCalls += 1;
      this.#socket.write(streamed ? answers.STREAM_TOOL[withUsage ? 1 : 0] : answers.TOOL_COMPLETION);
      return;
    }
    counters.toolResults += 1;
    if (!afterMark.includes(TOOL_FILE_TEXT))
      this.#socket.write(streamed ? STREAM_RESULT_LOST : TOOL_RESULT_LOST);
    else if (streamed) this.#socket.write(answers.STREAM_PLAIN[withUsage ? 1 : 0]);
    else this.#socket.write(PLAIN);
  }

  #stream(scenario: Scenario, withUsage: boolean): void {
    const target = {
      socket: this.#socket,
      withUsage,
      ended: () => {
        this.#open = undefined;
      },
    };
    if (scenario.kind === "first") this.#open = openFirst(target);
    else if (scenario.kind === "held") this.#open = openHeld(target);
    else if (scenario.kind === "paced") this.#open = openPaced(target, scenario.tokens, scenario.everyMs);
    else if (scenario.kind === "blast") this.#open = openBlast(target, scenario.tokens);
    else this.#socket.write(answers.STREAM_PLAIN[withUsage ? 1 : 0]);
  }
}
