import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TickBatch } from "../../../src/lib/batch.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createIdSource, newRunId } from "../../../src/lib/id.ts";
import { isJsonObject, parseJsonObject } from "../../../src/lib/json.ts";
import { SSE_DONE, SSE_KEEPALIVE, sseFrame, withoutRareLineEnds } from "../../../src/lib/sse.ts";
import { firstLine, headAndTail } from "../../../src/lib/text.ts";

describe("ids", () => {
  it("ids are 32 hex digits that begin with their time, and no two are alike", () => {
    const nextId = createIdSource(() => 0x0123456789ab);
    const ids = Array.from({ length: 2_000 }, nextId);
    expect(ids.every((id) => /^0123456789ab[0-9a-f]{20}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("sort in the order of their times", () => {
    let now = 1;
    const nextId = createIdSource(() => now);
    const ids = [1, 15, 16, 255, 4096, 1_800_000_000_000].map((time) => {
      now = time;
      return nextId();
    });
    expect([...ids].sort()).toEqual(ids);
  });

  it("ids of one ms, or of a clock that is set back, sort in the order in which they were made", () => {
    const times = [5, ...Array.from({ length: 70_000 }, () => 5), 3, 6, 4, 9];
    let at = 0;
    const nextId = createIdSource(() => times[at++] ?? 0);
    const ids = times.map(nextId);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.at(-1)).toMatch(/^0000000000090000/);
  });

  it("ids of two sources differ, and a run's bears its prefix", () => {
    const [one, two] = [createIdSource(() => 1), createIdSource(() => 1)];
    expect(one()).not.toBe(two());
    expect(newRunId(one)).toMatch(/^run_[0-9a-f]{32}$/);
  });
});

describe("a batch", () => {
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

  it("a batch brings what one turn of the loop adds, in order and together", async () => {
    const flushed: number[][] = [];
    const batch = new TickBatch<number>((entries) => flushed.push(entries));
    batch.add(1);
    await Promise.resolve();
    batch.add(2);
    expect(flushed).toEqual([]);
    await turn();
    batch.add(3);
    await turn();
    expect(flushed).toEqual([[1, 2], [3]]);
  });

  it("a batch brings what is added while it is brought in the next turn", async () => {
    const flushed: number[][] = [];
    const batch = new TickBatch<number>((entries) => {
      flushed.push(entries);
      if (flushed.length === 1) batch.add(2);
    });
    batch.add(1);
    await turn();
    expect(flushed).toEqual([[1]]);
    await turn();
    expect(flushed).toEqual([[1], [2]]);
  });
});

describe("JSON", () => {
  it("an object is neither null nor a list", () => {
    expect([{}, { a: 1 }].every(isJsonObject)).toBe(true);
    expect([null, [], "x", 5, undefined, true].some(isJsonObject)).toBe(false);
  });

  it("a text that holds no object is none, whatever it holds", () => {
    expect(parseJsonObject('{"a":[1]}')).toEqual({ a: [1] });
    for (const text of ["", "{", "null", "[]", "5", '"x"', "{a:1}", "{}{}"])
      expect(parseJsonObject(text)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseJsonObject(text)).not.toThrow();
      }),
    );
  });
});

describe("frames", () => {
  it("frames are whole, with line feeds only and a space after the colon", () => {
    expect(sseFrame('{"a":1}')).toBe('data: {"a":1}\n\n');
    expect(sseFrame("{}", "hermes.status")).toBe("event: hermes.status\ndata: {}\n\n");
    expect([SSE_DONE, SSE_KEEPALIVE]).toEqual(["data: [DONE]\n\n", ": keepalive\n\n"]);
  });

  it("hold no character that Python takes for the end of a line", () => {
    const text = "a\u0085b\u2028c\u2029d";
    const frame = withoutRareLineEnds(sseFrame(JSON.stringify({ text })));
    expect(frame).toMatch(/^data: [\x20-\x7e]*\n\n$/);
    expect(JSON.parse(frame.slice("data: ".length))).toEqual({ text });
  });
});

describe("texts", () => {
  it("texts that fit stay as they are", () => {
    expect(headAndTail("x".repeat(10), 10)).toBe("x".repeat(10));
  });

  it("texts that do not keep head and tail, and say how much is missing", () => {
    const text = `${"a".repeat(60)}${"b".repeat(400)}${"c".repeat(40)}`;
    expect(headAndTail(text, 100)).toBe(
      `${"a".repeat(60)}\n[... 400 characters left out ...]\n${"c".repeat(40)}`,
    );
  });

  it("texts are never cut through a character that needs two units", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(3), (maxChars, offset) => {
        const text = "x".repeat(offset) + "👋".repeat(50);
        expect(headAndTail(text, maxChars).isWellFormed()).toBe(true);
        expect(firstLine(text, maxChars).isWellFormed()).toBe(true);
      }),
    );
  });

  it("texts have a first line, without the white space before it and not too long", () => {
    expect(firstLine("  \n one\ntwo", 10)).toBe("one");
    expect(firstLine("1234567890", 10)).toBe("1234567890");
    expect(firstLine("12345678901", 10)).toBe("123456789…");
    expect(firstLine("", 10)).toBe("");
  });
});

it("the clock tells the time, and how much of it has gone", () => {
  const [now, elapsed] = [systemClock.now(), systemClock.elapsed()];
  expect(Math.abs(now - Date.now())).toBeLessThan(1_000);
  expect(systemClock.elapsed()).toBeGreaterThanOrEqual(elapsed);
});
