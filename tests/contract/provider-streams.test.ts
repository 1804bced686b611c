import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isJsonObject, parseJsonObject } from "../../src/lib/json.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import { badJson, insertEvent } from "../fake-upstream/edits.ts";
import { bodyBytes } from "../fake-upstream/plan.ts";
import type { Answer, RawReply, Reply } from "../fake-upstream/script.ts";
import type { SseFormat } from "../fake-upstream/sse.ts";
import { SLOWNESS } from "../helpers/slowness.ts";
import {
  ask,
  callsIn,
  failure,
  foldEvents,
  generate,
  KINDS,
  type Kind,
  reasoningIn,
  setUp,
  textIn,
  visible,
} from "./provider-suite.ts";

/** Every script width of UTF-8, and what SSE and JSON give a meaning to. */
const TEXT = 'a ü 世 👋 "q" \\ data: [DONE]\nend';

const ANSWER: Answer = {
  model: "fake",
  text: TEXT,
  // Few events: some tests send the answer once for each of its bytes.
  deltas: 16,
  toolCalls: [{ name: "add", id: "call_1", arguments: { a: "ß" } }],
};

/** Runs calls side by side, as many at a time as keep two cores busy. */
async function inParallel<Entry>(
  entries: readonly Entry[],
  run: (entry: Entry) => Promise<void>,
): Promise<void> {
  const queue = [...entries];
  const worker = async () => {
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) await run(entry);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** Whether an event with the finish reason is whole within these bytes. */
function hasFinish(bytes: Buffer): boolean {
  return bytes
    .toString()
    .split("\n")
    .map((line) => parseJsonObject(line.replace(/^data: /, "")))
    .some((event) => {
      const choice: unknown = Array.isArray(event?.["choices"]) ? event["choices"][0] : undefined;
      const holder = isJsonObject(choice) ? choice : event?.["delta"];
      return isJsonObject(holder) && (holder["finish_reason"] ?? holder["stop_reason"] ?? null) !== null;
    });
}

/** How long the answer can be: ids grow with the number of the request. */
function lengthOver(kind: Kind): number {
  const body = { stream_options: { include_usage: true } };
  return bodyBytes(ANSWER, { protocol: kind.wire, n: 9_999, body }).length;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, n) => n);
}

async function expectWhole(kind: Kind, reply: Reply): Promise<void> {
  await using all = await setUp(kind, [reply]);
  const { result, events } = await generate(all.provider);
  expect(textIn(result.items)).toBe(TEXT);
  expect(callsIn(result.items)).toEqual([{ name: "add", arguments: '{"a":"ß"}' }]);
  expect(foldEvents(events)).toEqual(visible(result.items));
}

describe.each(KINDS)("streams of $protocol", (kind) => {
  // `cut` breaks the connection; `end` looks like the end of the answer to HTTP, and differs in nothing else.
  describe.each([
    ["cut", 1],
    ["end", 3],
  ] as const)("streams that end early (%s, every %i bytes)", (how, step) => {
    const timeout = 60_000 * SLOWNESS;
    test("a stream that ends early is an answer if its finish reason came, else an error", {
      timeout,
    }, async () => {
      const bodies = new Map<string, Buffer>();
      const at = (request: { body: Record<string, unknown> | undefined }) =>
        Number(/\d+$/.exec(String(request.body?.["model"]))?.[0]);
      await using all = await setUp(kind, (request) => {
        const bytes = bodyBytes(ANSWER, request);
        const offset = Math.min(at(request), bytes.length);
        bodies.set(String(request.body?.["model"]), bytes.subarray(0, offset));
        return { ...ANSWER, [how]: offset, split: "whole" };
      });
      const length = lengthOver(kind);
      let complete = 0;
      const offsets = range(length + 1).filter((offset) => offset % step === 0);
      await inParallel(offsets, async (offset) => {
        const model = `fake-${offset}`;
        const outcome = await generate(all.provider, ask({ model })).catch((error: unknown) => error);
        const finished = hasFinish(bodies.get(model) as Buffer);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(ProviderError);
          expect(outcome).toMatchObject({ kind: "truncated" });
          expect(finished, `failed at ${offset} although the finish had come`).toBe(false);
        } else {
          expect(finished, `succeeded at ${offset} although the finish had not come`).toBe(true);
          const { result } = outcome as Awaited<ReturnType<typeof generate>>;
          expect(textIn(result.items)).toBe(TEXT);
          expect(callsIn(result.items)).toEqual([{ name: "add", arguments: '{"a":"ß"}' }]);
          complete++;
        }
      });
      expect(complete).toBeGreaterThan(0);
    });
  });

  test("a stream that is split at any byte gives the same answer", async () => {
    await using all = await setUp(kind, (request) => ({
      ...ANSWER,
      split: [Number(/\d+$/.exec(String(request.body?.["model"]))?.[0])],
    }));
    const length = lengthOver(kind);
    await inParallel(range(length), async (offset) => {
      const { result } = await generate(all.provider, ask({ model: `fake-${offset}` }));
      expect(textIn(result.items)).toBe(TEXT);
    });
  });

  test.each<[string, Partial<Reply>]>([
    ["one byte per write", { split: 1 }],
    ["LF line ends", {}],
    ["CRLF line ends", { sse: { eol: ["\r\n"] } }],
    ["CR line ends", { sse: { eol: ["\r"] } }],
    ["mixed line ends", { sse: { eol: ["\n", "\r\n", "\r"] } }],
    ["CRLF and one byte per write", { sse: { eol: ["\r\n"] }, split: 1 }],
    ["CR and one byte per write", { sse: { eol: ["\r"] }, split: 1 }],
    ["a byte order mark", { sse: { bom: true } }],
    ["a byte order mark and one byte per write", { sse: { bom: true }, split: 1 }],
    ["comments", { sse: { comments: true } }],
    ["no space after the colon", { sse: { space: false } }],
    ["no newline after the last event", { sse: { finalNewline: false } }],
    ["no end mark", { done: false }],
    ["neither end mark nor last newline", { done: false, sse: { finalNewline: false } }],
    ["content-type text/plain", { headers: { "content-type": "text/plain" } }],
    ["content-type application/json", { headers: { "content-type": "application/json" } }],
    [
      "content-type application/json and a byte order mark",
      { headers: { "content-type": "application/json" }, sse: { bom: true }, split: 1 },
    ],
    [
      "unknown events in between",
      { edits: [insertEvent(2, { event: "x_news", data: '{"type":"x_news"}' })] },
    ],
    ["events without data in between", { edits: [insertEvent(2, { data: "" })] }],
  ])("a stream with %s gives the same answer", (_, format) =>
    expectWhole(kind, { ...ANSWER, ...format } as Reply));

  test("a line of a megabyte is read completely", async () => {
    const text = "x世".repeat(350_000);
    await using all = await setUp(kind, [{ text, deltas: "whole", split: 16_384 }]);
    expect(textIn((await generate(all.provider)).result.items)).toBe(text);
  });

  test("an event of more than 8 MB is malformed", async () => {
    await using all = await setUp(kind, [
      { text: "x".repeat(9 * 1024 * 1024), deltas: "whole", split: 65_536 },
    ]);
    expect((await failure(all.provider)).kind).toBe("malformed");
    await all.upstream.streamAborted(1);
  });

  test.each<[string, Reply]>([
    ["an event that is no JSON", { ...ANSWER, edits: [badJson(2)] }],
    ["an event that is a number", { ...ANSWER, edits: [insertEvent(2, { data: "17" })] }],
    ["an event that is a list", { ...ANSWER, edits: [insertEvent(2, { data: "[]" })] }],
  ])("%s is an error of kind malformed", async (_, reply) => {
    await using all = await setUp(kind, [reply]);
    expect(await failure(all.provider)).toMatchObject({ kind: "malformed", retryable: true });
  });

  test.each<[string, RawReply]>([
    ["nothing", { status: 200, headers: { "content-type": "text/event-stream" }, body: "" }],
    [
      "comments only",
      { status: 200, headers: { "content-type": "text/event-stream" }, body: ": hi\n\n: there\n\n" },
    ],
    [
      "an end mark only",
      { status: 200, headers: { "content-type": "text/event-stream" }, body: "data: [DONE]\n\n" },
    ],
    [
      "words",
      { status: 200, headers: { "content-type": "text/event-stream" }, body: "retry later, please\n" },
    ],
    [
      "empty objects",
      { status: 200, headers: { "content-type": "text/event-stream" }, body: "data: {}\n\ndata: {}\n\n" },
    ],
  ])("a stream of %s is an error of kind truncated", async (_, reply) => {
    await using all = await setUp(kind, [reply]);
    expect(await failure(all.provider)).toMatchObject({ kind: "truncated" });
  });

  test.each<[string, unknown]>([
    ["no index", { type: "content_block_delta", delta: { type: "text_delta", text: 7 } }],
    ["wrong types", { choices: [{ delta: { content: 7, tool_calls: [null, 3, {}] } }], type: 5, index: "x" }],
    ["null everywhere", { choices: [null], delta: null, usage: null, message: null, content_block: null }],
    ["choices that are no list", { choices: { 0: {} }, content_block: [], type: "content_block_start" }],
  ])("an event with %s is ignored", async (_, event) => {
    const edits = [insertEvent(2, { data: JSON.stringify(event) })];
    await using all = await setUp(kind, [{ text: TEXT, edits }]);
    expect(textIn((await generate(all.provider)).result.items)).toBe(TEXT);
  });

  test("any answer arrives exactly, however the stream is written and cut", async () => {
    await using all = await setUp(kind, (request) => replies.get(String(request.body?.["model"])));
    const replies = new Map<string, Reply>();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(replyOf(kind), { minLength: 8, maxLength: 8 }), async (batch) => {
        await inParallel(batch, async (reply) => {
          const model = `fake-${n++}`;
          replies.set(model, reply);
          const { result, events } = await generate(all.provider, ask({ model }));
          expect(textIn(result.items)).toBe(reply.text ?? "");
          expect(reasoningIn(result.items)).toBe(reply.reasoning ?? "");
          expect(callsIn(result.items)).toEqual(
            (reply.toolCalls ?? []).map((call) => ({
              name: call.name,
              arguments: JSON.stringify(call.arguments),
            })),
          );
          expect(foldEvents(events)).toEqual(visible(result.items));
        });
      }),
      { numRuns: 30 },
    );
  });
});

const format: fc.Arbitrary<SseFormat> = fc.record({
  eol: fc.array(fc.constantFrom("\n", "\r\n", "\r"), { minLength: 1, maxLength: 3 }),
  bom: fc.boolean(),
  comments: fc.boolean(),
  finalNewline: fc.boolean(),
  space: fc.boolean(),
});

/** Any text that JSON can carry; lone surrogates cannot travel as UTF-8. */
const words = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\n", "\r", " ", "data: ", '"', "\\", "\u2028"),
    fc.string({ unit: "binary", maxLength: 1 }),
  ),
  maxLength: 60,
});

/** What the two modes of the fake need to know is left out, so that each field means the same in both protocols. */
function replyOf(kind: Kind): fc.Arbitrary<
  Omit<Answer, "text" | "reasoning" | "toolCalls"> & {
    text?: string;
    reasoning?: string;
    toolCalls: { name: string; arguments: Record<string, string> }[];
  } & Pick<Reply, "split">
> {
  const calls = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z_]{1,12}$/),
      arguments: fc.dictionary(words, words, { maxKeys: 3 }),
    }),
    { maxLength: 3 },
  );
  return fc.record(
    {
      text: words,
      reasoning: words,
      toolCalls: calls,
      deltas: fc.oneof(fc.constantFrom("words" as const, "whole" as const), fc.integer({ min: 1, max: 5 })),
      interleave: fc.boolean(),
      sse: format,
      split: fc.oneof(fc.constantFrom("events" as const, "whole" as const), fc.integer({ min: 7, max: 400 })),
      done: fc.boolean(),
      reasoningField: fc.constantFrom("reasoning_content" as const, "reasoning" as const),
      headers: fc.constantFrom({}, { "content-type": "text/plain" }, { "content-type": `x/${kind.wire}` }),
    },
    { requiredKeys: ["toolCalls"] },
  );
}
