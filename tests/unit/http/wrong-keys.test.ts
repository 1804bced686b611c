import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toSource, WrongKeys } from "../../../src/http/wrong-keys.ts";

const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function counter() {
  const lines: string[] = [];
  const keys = new WrongKeys((line) => lines.push(line));
  const send = (source: string, count: number) =>
    Array.from({ length: count }, () => keys.count(source)?.failure.retryAfterMs).filter(
      (waitMs) => waitMs !== undefined,
    );
  return { lines, send };
}

describe("wrong keys of one source", () => {
  it("wrong keys of one source are told to wait from the 21st in a minute on, and no longer than the minute", () => {
    const { send } = counter();
    expect(send("192.0.2.1", 20)).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(send("192.0.2.1", 2)).toEqual([MINUTE_MS - 10_000, MINUTE_MS - 10_000]);
    vi.advanceTimersByTime(MINUTE_MS - 10_000);
    expect(send("192.0.2.1", 20)).toEqual([]);
  });

  it("make one line at once and then one a minute that says how many more there were", () => {
    const { lines, send } = counter();
    send("192.0.2.1", 3_000);
    expect(lines).toEqual(["a wrong API key came from 192.0.2.1"]);
    vi.advanceTimersByTime(MINUTE_MS);
    send("192.0.2.1", 1);
    vi.advanceTimersByTime(MINUTE_MS - 1);
    expect(lines.slice(1)).toEqual(["2999 more wrong API keys came from 192.0.2.1 within a minute"]);
    vi.advanceTimersByTime(1);
    expect(lines.slice(2)).toEqual(["1 more wrong API key came from 192.0.2.1 within a minute"]);
    vi.advanceTimersByTime(10 * MINUTE_MS);
    expect(lines).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("wrong keys of many sources", () => {
  it("wrong keys of many sources do not slow down each other", () => {
    const { send } = counter();
    send("192.0.2.1", 100);
    expect(send("192.0.2.2", 1)).toEqual([]);
  });

  it("take bounded memory and log lines: beyond 256 sources, the further ones are counted together", () => {
    const { lines, send } = counter();
    for (let n = 0; n < 10_000; n++) send(`10.0.${n >> 8}.${n & 255}`, 1);
    expect(lines).toHaveLength(257);
    expect(lines.at(-1)).toBe("a wrong API key came from further addresses");
    expect(vi.getTimerCount()).toBe(257);
    expect(send("10.0.0.0", 1)).toEqual([]);
    expect(send("10.9.9.9", 1)).toHaveLength(1);
  });
});

describe("the source of a key", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::1", "::1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8::6", "2001:db8:0:0::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("%s is %s", (address, source) => {
    expect(toSource(address)).toBe(source);
  });
});
