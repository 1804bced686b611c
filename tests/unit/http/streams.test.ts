import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Streams } from "../../../src/http/streams.ts";

const TIMES = { keepaliveMs: 10_000, writeTimeoutMs: 60_000 };
const KEEPALIVE = ": keepalive\n\n";

/** A response as far as a stream uses one; `full`: its reader takes nothing. */
class FakeResponse extends EventEmitter {
  writes: string[] = [];
  ended = false;
  full = false;
  destroyed = false;
  writableFinished = false;

  write(text: string | Buffer): boolean {
    this.writes.push(text.toString());
    return !this.full;
  }

  end(text: string): void {
    this.writes.push(text);
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function open(streams: Streams): { response: FakeResponse; stream: ReturnType<Streams["start"]> } {
  const response = new FakeResponse();
  return { response, stream: streams.start(response as unknown as ServerResponse) };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setImmediate", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const tick = () => vi.advanceTimersByTime(0);

it("what one tick brings leaves in one write", () => {
  const { response, stream } = open(new Streams(TIMES));
  stream.write("data: 1\n\n");
  stream.write("");
  stream.write("data: 2\n\n");
  expect(response.writes).toEqual([]);
  tick();
  stream.write("data: 3\n\n");
  tick();
  expect(response.writes).toEqual(["data: 1\n\ndata: 2\n\n", "data: 3\n\n"]);
});

it("a write has whole frames, and no more than fit", () => {
  const { response, stream } = open(new Streams(TIMES));
  const frame = `data: ${"x".repeat(6_000)}\n\n`;
  for (let count = 0; count < 5; count++) stream.write(frame);
  const huge = `data: ${"y".repeat(100_000)}\n\n`;
  stream.write(huge);
  tick();
  expect(response.writes).toEqual([frame + frame, frame + frame, frame, huge]);
});

it("the end brings what waits, and nothing comes after it", () => {
  const { response, stream } = open(new Streams(TIMES));
  stream.write("data: 1\n\n");
  stream.end();
  stream.write("data: 2\n\n");
  tick();
  vi.advanceTimersByTime(30_000);
  expect(response.writes).toEqual(["data: 1\n\n"]);
  expect(response.ended).toBe(true);
});

it("a silent stream gets a comment before the silence is too long, again and again", () => {
  const { response, stream } = open(new Streams(TIMES));
  stream.write("data: 1\n\n");
  tick();
  vi.advanceTimersByTime(8_000);
  expect(response.writes.length).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(response.writes).toEqual(["data: 1\n\n", KEEPALIVE]);
  vi.advanceTimersByTime(30_000);
  expect(response.writes.length).toBeGreaterThanOrEqual(4);
});

it("many streams that began together get their comments a few at a time, none of them late", () => {
  const streams = new Streams(TIMES);
  const opened = Array.from({ length: 2_000 }, () => open(streams));
  for (const { stream } of opened) stream.write("data: 1\n\n");
  tick();
  const told = () => opened.filter(({ response }) => response.writes.length > 1).length;
  let most = 0;
  for (let waitedMs = 0; waitedMs < TIMES.keepaliveMs; waitedMs += 50) {
    const before = told();
    vi.advanceTimersByTime(50);
    most = Math.max(most, told() - before);
  }
  expect(told()).toBe(2_000);
  expect(most).toBeLessThanOrEqual(120);
});

it("a stream that speaks gets no comment", () => {
  const { response, stream } = open(new Streams(TIMES));
  for (let second = 0; second < 60; second += 5) {
    stream.write("data: 1\n\n");
    vi.advanceTimersByTime(5_000);
  }
  expect(response.writes).not.toContain(KEEPALIVE);
});

it("a reader that is behind is waited for", async () => {
  const { response, stream } = open(new Streams(TIMES));
  await stream.caughtUp();
  response.full = true;
  stream.write("data: 1\n\n");
  tick();
  expect(stream.behind).toBe(true);
  const caughtUp = stream.caughtUp();
  response.emit("drain");
  await caughtUp;
  expect(stream.behind).toBe(false);
});

it("a reader that takes nothing is cut off after the write timeout, and gets no comments till then", () => {
  const { response, stream } = open(new Streams(TIMES));
  response.full = true;
  stream.write("data: 1\n\n");
  tick();
  vi.advanceTimersByTime(59_000);
  expect([response.destroyed, response.writes]).toEqual([false, ["data: 1\n\n"]]);
  vi.advanceTimersByTime(2_500);
  expect(response.destroyed).toBe(true);
});

it("a reader that does not take the end is cut off as well", () => {
  const { response, stream } = open(new Streams(TIMES));
  stream.end();
  vi.advanceTimersByTime(62_500);
  expect(response.destroyed).toBe(true);
});

it("who waits for a reader that goes away does not wait for ever", async () => {
  const { response, stream } = open(new Streams(TIMES));
  response.full = true;
  stream.write("data: 1\n\n");
  tick();
  const caughtUp = stream.caughtUp();
  response.destroy();
  await caughtUp;
});

it("a reader leaves once, and only before it has everything", () => {
  const streams = new Streams(TIMES);
  const [early, late] = [open(streams), open(streams)];
  const left: string[] = [];
  early.stream.onLeave = () => left.push("early");
  late.stream.onLeave = () => left.push("late");
  expect(streams.size).toBe(2);
  early.response.emit("close");
  late.stream.end();
  late.response.writableFinished = true;
  late.response.emit("close");
  expect([left, streams.size]).toEqual([["early"], 0]);
});

it("nothing is written to a connection that is gone", () => {
  const { response, stream } = open(new Streams(TIMES));
  response.destroyed = true;
  for (let count = 0; count < 100; count++) stream.write(`data: ${"x".repeat(1_000)}\n\n`);
  tick();
  expect(response.writes).toEqual([]);
});

it("closing waits for readers to take what was written, cuts who does not in time, and stops the clock", async () => {
  const streams = new Streams(TIMES);
  const [quick, slow] = [open(streams), open(streams)];
  const closed = streams.close(0);
  expect([quick, slow].map(({ response }) => response.destroyed)).toEqual([false, false]);
  quick.response.writableFinished = true;
  quick.response.emit("close");
  await closed;
  expect([quick, slow].map(({ response }) => response.destroyed)).toEqual([false, true]);
  expect(vi.getTimerCount()).toBe(0);
});

it("closing with no stream open does not wait", async () => {
  await new Streams(TIMES).close(60_000);
  expect(vi.getTimerCount()).toBe(0);
});
