import { TOKENS, TOOL_FILE } from "../scenarios.ts";

/** Everything the upstream says, built once: while it runs, answering is one write of bytes that lie ready. */

const TOOL_NAME = process.env["UPSTREAM_TOOL"] ?? "read_file";
const TOOL_ARGUMENTS = JSON.stringify({ path: TOOL_FILE });
const STAMP = `"created":1700000000,"model":"bench","system_fingerprint":"fp_bench"`;
const USAGE = {
  prompt_tokens: 60,
  completion_tokens: 16,
  total_tokens: 76,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};

/** A whole HTTP answer with a JSON body. */
export function httpJson(status: string, body: string): Buffer {
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

function completion(message: object, finishReason: string): Buffer {
  const choice = JSON.stringify({ index: 0, message, logprobs: null, finish_reason: finishReason });
  const head = `"id":"chatcmpl-bench","object":"chat.completion",${STAMP}`;
  return httpJson("200 OK", `{${head},"choices":[${choice}],"usage":${JSON.stringify(USAGE)}}`);
}

function toolCall(args: string): object {
  return { id: "call_bench0001", type: "function", function: { name: TOOL_NAME, arguments: args } };
}

export function textCompletion(text: string): Buffer {
  return completion({ role: "assistant", content: text, refusal: null }, "stop");
}
export const TOOL_COMPLETION: Buffer = completion(
  { role: "assistant", content: null, refusal: null, tool_calls: [toolCall(TOOL_ARGUMENTS)] },
  "tool_calls",
);

export const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

function event(choices: string, usage?: object): string {
  const tail = usage === undefined ? "" : `,"usage":${JSON.stringify(usage)}`;
  return `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk",${STAMP},"choices":[${choices}]${tail}}\n\n`;
}

function deltaEvent(delta: object, finishReason: string | null = null): string {
  return event(JSON.stringify({ index: 0, delta, logprobs: null, finish_reason: finishReason }));
}

/** One HTTP chunk. */
function httpChunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const HTTP_END = "0\r\n\r\n";
const DONE = "data: [DONE]\n\n";
const ROLE = deltaEvent({ role: "assistant", content: "", refusal: null });

function tokenEvents(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) =>
    deltaEvent({ content: TOKENS[(from + i) % TOKENS.length] }),
  ).join("");
}

function ending(finishReason: string, withUsage: boolean): string {
  return deltaEvent({}, finishReason) + (withUsage ? event("", USAGE) : "") + DONE;
}

/** A pair of the same answer, without and with the usage chunk. */
export type Both = readonly [plain: Buffer, withUsage: Buffer];

function both(build: (withUsage: boolean) => string): Both {
  return [Buffer.from(build(false)), Buffer.from(build(true))];
}

const ALL_TOKENS = tokenEvents(0, TOKENS.length);

/** Head, role and the first token: what a reader of a first token waits for. */
export const STREAM_FIRST: Buffer = Buffer.from(STREAM_HEAD + httpChunk(ROLE) + httpChunk(tokenEvents(0, 1)));
export const STREAM_REST: Both = both(
  (usage) => httpChunk(tokenEvents(1, TOKENS.length) + ending("stop", usage)) + HTTP_END,
);
export const STREAM_OPEN: Buffer = Buffer.from(STREAM_HEAD + httpChunk(ROLE));
export const STREAM_END: Both = both((usage) => httpChunk(ending("stop", usage)) + HTTP_END);
export const STREAM_PLAIN: Both = both(
  (usage) => STREAM_HEAD + httpChunk(ROLE + ALL_TOKENS + ending("stop", usage)) + HTTP_END,
);

/** A streamed answer of one token that no scenario expects: the reader must notice. */
export function streamText(text: string): Buffer {
  return Buffer.from(
    STREAM_HEAD + httpChunk(ROLE + deltaEvent({ content: text }) + ending("stop", false)) + HTTP_END,
  );
}

export const STREAM_TOOL: Both = both((usage) => {
  const opening = deltaEvent({
    role: "assistant",
    content: null,
    tool_calls: [{ index: 0, ...toolCall("") }],
  });
  const pieces = [TOOL_ARGUMENTS.slice(0, 6), TOOL_ARGUMENTS.slice(6)].map((args) =>
    deltaEvent({ tool_calls: [{ index: 0, function: { arguments: args } }] }),
  );
  return STREAM_HEAD + httpChunk(opening + pieces.join("") + ending("tool_calls", usage)) + HTTP_END;
});

/** Tokens that share one write of a blast: about what one read of a busy connection brings. */
export const BLAST_BATCH = 8;
/** `TOKEN_BATCHES[n]`: one HTTP chunk of n tokens. */
export const TOKEN_BATCHES: readonly Buffer[] = Array.from({ length: BLAST_BATCH + 1 }, (_, n) =>
  Buffer.from(httpChunk(tokenEvents(0, n))),
);
/** `TOKEN_CHUNKS[i]`: the i-th token alone. */
export const TOKEN_CHUNKS: readonly Buffer[] = TOKENS.map((_, i) =>
  Buffer.from(httpChunk(tokenEvents(i, i + 1))),
);
