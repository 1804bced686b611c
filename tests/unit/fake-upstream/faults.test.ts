import { connect } from "node:net";
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { badJson, dropEvent, insertEvent } from "../../fake-upstream/edits.ts";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";
import { CONTEXT_LENGTH, htmlPage, QUOTA_EXCEEDED } from "../../fake-upstream/faults.ts";
import { bodyBytes } from "../../fake-upstream/plan.ts";
import type { Answer, Protocol, Reply } from "../../fake-upstream/script.ts";
import { openWire, readWire, type WireAnswer } from "../../helpers/wire-client.ts";

const STREAM = { model: "m", stream: true, messages: [] };
const PATHS: Record<Protocol, string> = { chat: "/v1/chat/completions", messages: "/v1/messages" };

async function answerTo(
  reply: Reply,
  body: object = STREAM,
  protocol: Protocol = "chat",
): Promise<WireAnswer> {
  await using upstream = await FakeUpstream.start([reply]);
  return await readWire(upstream.origin + PATHS[protocol], body);
}

/** The data of each event, as the parser that the product uses reads it. */
function dataOf(chunks: readonly Buffer[]): string[] {
  const data: string[] = [];
  const parser = createParser({ onEvent: (event) => data.push(event.data) });
  const decoder = new TextDecoder();
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
  return data;
}

describe("HTTP errors", () => {
  test("HTTP errors status, headers and body as scripted", async () => {
    const answer = await answerTo({ status: 429, headers: { "Retry-After": "1" }, body: { error: "no" } });
    expect(answer).toMatchObject({ status: 429, complete: true });
    expect(answer.headers).toMatchObject({ "retry-after": "1", "content-type": "application/json" });
    expect(answer.bytes.toString()).toBe('{"error":"no"}');
  });

  test.each([400, 401, 404, 429, 500, 502, 503, 504, 529])("%i in each protocol's shape", async (status) => {
    const chat = await answerTo({ status });
    expect(JSON.parse(chat.bytes.toString())).toEqual({
      error: {
        message: expect.any(String),
        type: expect.any(String),
        param: null,
        code: expect.toBeOneOf([null, expect.any(String)]),
      },
    });
    const messages = await answerTo({ status }, STREAM, "messages");
    expect(JSON.parse(messages.bytes.toString())).toEqual({
      type: "error",
      error: { type: expect.stringMatching(/_error$/), message: expect.any(String) },
      request_id: "req_fake_1",
    });
    expect([chat.status, messages.status]).toEqual([status, status]);
  });

  test.each(
    Object.entries({ ...CONTEXT_LENGTH, quota: QUOTA_EXCEEDED }),
  )("%s, word for word", async (_, reply) => {
    const answer = await answerTo(reply);
    expect(answer.status).toBe(reply.status);
    expect(JSON.parse(answer.bytes.toString())).toEqual(reply.body);
  });

  test("an HTML page with status 200", async () => {
    const answer = await answerTo(htmlPage());
    expect(answer).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    expect(answer.bytes.toString()).toMatch(/^<!DOCTYPE html>/);
  });

  test("JSON where a stream was asked for, and a stream called JSON", async () => {
    const json = await answerTo({ text: "x", mode: "json" });
    expect(JSON.parse(json.bytes.toString())).toMatchObject({ object: "chat.completion" });
    const stream = await answerTo({ text: "x", headers: { "content-type": "application/json" } });
    expect(stream.headers["content-type"]).toBe("application/json");
    expect(dataOf([stream.bytes]).at(-1)).toBe("[DONE]");
  });
});

describe("answers that break off", () => {
  const reply: Answer = { text: "Hé 😀" };

  test.each<[string, Protocol, number]>([
    ["every byte of a chat stream", "chat", 1],
    ["every seventh byte of a messages stream", "messages", 7],
  ])("cut at %s", async (_, protocol, step) => {
    let cut = 0;
    await using upstream = await FakeUpstream.start(() => ({ ...reply, cut, split: "whole" }));
    const size = bodyBytes(reply, { protocol }).length;
    const wrong: number[] = [];
    for (; cut <= size; cut += step) {
      const answer = await readWire(upstream.origin + PATHS[protocol], { stream: true });
      const whole = bodyBytes(reply, { protocol, n: upstream.requests.length });
      if (answer.complete || !answer.bytes.equals(whole.subarray(0, cut))) wrong.push(cut);
    }
    expect(wrong).toEqual([]);
    expect(upstream.counts.abortedStreams).toBe(0);
  });

  test("cut after whole events", async () => {
    const answer = await answerTo({ text: "one two", cut: { events: 2 } });
    expect(answer.complete).toBe(false);
    expect(dataOf(answer.chunks)).toHaveLength(2);
  });

  test.each(["cut", "reset"] as const)("%s before the headers", async (how) => {
    await expect(answerTo({ text: "x", [how]: "before-headers" })).rejects.toMatchObject({
      code: "ECONNRESET",
    });
  });

  test("reset in mid-stream", async () => {
    expect((await answerTo({ text: "one two", reset: { events: 2 } })).complete).toBe(false);
  });

  test("cut inside a JSON answer, which promised its length", async () => {
    const answer = await answerTo({ text: "x", cut: 10 }, { model: "m" });
    expect(answer).toMatchObject({ complete: false });
    expect(answer.bytes).toHaveLength(10);
    expect(Number(answer.headers["content-length"])).toBeGreaterThan(10);
  });

  test("an early end that HTTP does not notice, streamed or not", async () => {
    const stream = await answerTo({ text: "one two", end: { events: 2 } });
    expect(stream.complete).toBe(true);
    expect(dataOf(stream.chunks)).toHaveLength(2);
    const json = await answerTo({ text: "x", end: 10 }, { model: "m" });
    expect(json.complete).toBe(true);
    expect(json.bytes).toHaveLength(10);
  });

  test("missing end mark and missing finish reason", async () => {
    const data = async (answer: Answer, protocol: Protocol) =>
      dataOf((await answerTo(answer, STREAM, protocol)).chunks).join("\n");
    expect(await data({ text: "x", done: false }, "chat")).not.toContain("[DONE]");
    expect(await data({ text: "x", done: false }, "messages")).not.toContain("message_stop");
    expect(await data({ text: "x", finish: null }, "chat")).not.toContain('"finish_reason":"');
    expect(await data({ text: "x", finish: null }, "messages")).not.toContain("message_delta");
  });
});

describe("slow answers", () => {
  test.each([0, 1, 100])("no byte after %i", async (stall) => {
    await using upstream = await FakeUpstream.start([{ text: "Hello there", stall }]);
    const call = openWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
    await call.received(stall);
    expect(upstream.counts).toMatchObject({ openStreams: 1, openSockets: 1 });
    call.abort();
    await expect(Promise.all([upstream.streamAborted(), upstream.disconnected()])).resolves.toBeDefined();
    expect((await call.answer).bytes).toHaveLength(stall);
  });

  test("no byte at all, not even headers", async () => {
    await using upstream = await FakeUpstream.start([{ text: "x", stall: "before-headers" }]);
    const call = openWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
    await upstream.requestArrived();
    call.abort();
    await expect(call.answer).rejects.toThrow();
    expect((await upstream.streamAborted()).outcome).toBe("aborted");
  });

  test("one byte at a time", async () => {
    const answer = await answerTo({ text: "Hi", drip: { everyMs: 0 }, cut: 30 });
    expect(answer.chunks.map((chunk) => chunk.length)).toEqual(Array.from({ length: 30 }, () => 1));
  });
});

describe("how a body is split over writes", () => {
  const text = "wörld 😀";
  const lengths = async (reply: Reply) => (await answerTo(reply)).chunks.map((chunk) => chunk.length);

  test("how a body is split over writes by event, at once, by size, at offsets", async () => {
    const size = bodyBytes({ text, model: "m" }).length;
    const byEvent = await lengths({ text });
    expect(byEvent).toHaveLength(5);
    expect(await lengths({ text, split: "whole" })).toEqual([size]);
    expect((await lengths({ text, split: 100 })).slice(0, 2)).toEqual([100, 100]);
    expect(await lengths({ text, split: [3, 10] })).toEqual([3, 7, size - 10]);
    expect(await lengths({ text, split: 1 })).toEqual(Array.from({ length: size }, () => 1));
  });

  test("headers, each event and the end are reads of their own for a client in this process", async () => {
    await using upstream = await FakeUpstream.start([{ text }]);
    const socket = connect(Number(new URL(upstream.origin).port), "127.0.0.1");
    const reads: string[] = [];
    const ended = new Promise<void>((resolve) => {
      socket.on("data", (read) => {
        reads.push(read.toString());
        if (reads.at(-1)?.endsWith("0\r\n\r\n")) resolve();
      });
    });
    const body = JSON.stringify(STREAM);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}`;
    socket.write(`${head}\r\n\r\n${body}`);
    await ended;
    socket.destroy();
    expect(reads[0]).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n$/);
    expect(reads.slice(1, -1).map((read) => read.match(/data: /g))).toEqual(Array(5).fill(["data: "]));
    expect(reads.at(-1)).toBe("0\r\n\r\n");
  });

  test("raw bytes, one write per entry", async () => {
    const body = ["data: {", Buffer.from([0xf0, 0x9f]), "\n\n"];
    const answer = await answerTo({ status: 200, headers: { "content-type": "text/event-stream" }, body });
    expect(answer.chunks).toEqual(body.map((part) => Buffer.from(part)));
  });
});

describe("event streams in odd forms", () => {
  const answer: Answer = { text: "Héllo wörld 😀", model: "m" };
  const plain = dataOf([bodyBytes(answer)]);

  test("line ends, BOM, comments, missing spaces and any split leave the events as they are", async () => {
    const eol = fc.array(fc.constantFrom("\n" as const, "\r\n" as const, "\r" as const), {
      minLength: 1,
      maxLength: 5,
    });
    const format = fc.record({ eol, bom: fc.boolean(), comments: fc.boolean(), space: fc.boolean() });
    const offsets = fc.array(fc.nat({ max: 1_500 }), { maxLength: 20 });
    let scripted: Reply = answer;
    await using upstream = await FakeUpstream.start(() => scripted);
    await fc.assert(
      fc.asyncProperty(format, fc.oneof(offsets, fc.constantFrom(1, 7)), async (sse, split) => {
        scripted = { ...answer, sse, split };
        const { chunks } = await readWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
        const read = dataOf(chunks)
          .join("\n")
          .replaceAll(/chatcmpl-fake-\d+/g, "chatcmpl-fake-1");
        expect(read).toBe(plain.join("\n"));
      }),
      { numRuns: 60 },
    );
  });

  test("each form is really on the wire", () => {
    const bytes = (sse: NonNullable<Answer["sse"]>) => bodyBytes({ ...answer, sse });
    expect(bytes({ bom: true }).subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect(bytes({ eol: ["\r"] }).includes("\n")).toBe(false);
    expect(bytes({ eol: ["\r\n"] }).toString()).toMatch(/^data: \{.*\}\r\n\r\ndata/);
    expect(bytes({ comments: true }).toString()).toMatch(/^: \w.*\n\ndata: /);
    expect(bytes({ space: false }).toString()).toMatch(/^data:\{/);
    expect(bytes({ finalNewline: false }).toString()).toMatch(/\[DONE\]$/);
  });

  test("a line of 1 MB", async () => {
    const long = "x".repeat(1_000_000);
    const { chunks } = await answerTo({ text: [long] });
    expect(dataOf(chunks)[1]?.length).toBeGreaterThan(1_000_000);
  });

  test("single events broken, missing or foreign", async () => {
    const edits = [badJson(1), dropEvent(0), insertEvent(1, { event: "x", data: "not\njson" })];
    const { chunks, bytes } = await answerTo({ text: "one two", edits });
    const data = dataOf(chunks);
    expect(() => JSON.parse(data[0] ?? "")).toThrow();
    expect(data[1]).toBe("not\njson");
    expect(bytes.toString()).toContain("event: x\ndata: not\ndata: json\n\n");
    expect(data).toHaveLength(5);
  });
});

describe("mistakes in a script are told, not guessed at", () => {
  test.each<[string, Reply]>([
    ["has one of cut, reset", { text: "x", cut: 1, stall: 2 }],
    ["no place 99999 in a body", { text: "x", cut: 99_999 }],
    ['no place {"events":9}', { text: "x", stall: { events: 9 } }],
  ])("%s", async (message, reply) => {
    const answer = await answerTo(reply);
    expect(answer.status).toBe(418);
    expect(answer.bytes.toString()).toContain(message.replaceAll('"', '\\"'));
  });
});
