import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLogStream, type LogStreamOptions } from "../../../src/cli/log.ts";

let written = "";
beforeEach(() => {
  written = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What a line becomes. */
function logged(line: object, options: Partial<LogStreamOptions> = {}): string {
  createLogStream({ pretty: false, secrets: [], ...options }).write(`${JSON.stringify(line)}\n`);
  return written;
}

const LINE = { level: 30, time: Date.UTC(2026, 0, 2, 3, 4, 5), msg: "hello" };

describe("for machines", () => {
  it("a line stays the JSON that it is", () => {
    expect(logged(LINE)).toBe(`${JSON.stringify(LINE)}\n`);
  });

  it.each([
    "sk-plain-secret",
    'with"quote\\and-backslash',
    "$&-is-no-pattern",
  ])("the secret %j is in no line, wherever it stands", (secret) => {
    const text = logged(
      { ...LINE, msg: `key ${secret} and ${secret}`, err: { stack: `at ${secret}` } },
      { secrets: [secret] },
    );
    expect(JSON.parse(text)).toMatchObject({
      msg: "key [redacted] and [redacted]",
      err: { stack: "at [redacted]" },
    });
  });

  it("a secret that begins with another is hidden whole", () => {
    const text = logged(
      { ...LINE, msg: "abcdefgh-and-more" },
      { secrets: ["abcdefgh", "abcdefgh-and-more"] },
    );
    expect(text).toContain('"msg":"[redacted]"');
  });
});

describe("for people", () => {
  it("a line is its time, its level and its message", () => {
    expect(logged({ ...LINE, requestId: "req_1" }, { pretty: true })).toMatch(
      /^\d\d:\d\d:\d\d info {2}hello\n$/,
    );
  });

  it("an error brings its stack, and no secret", () => {
    const line = {
      level: 50,
      time: 0,
      msg: "failed",
      err: { message: "m", stack: "Error: m\n  at my-secret-place" },
    };
    const text = logged(line, { pretty: true, secrets: ["my-secret-place"] });
    expect(text).toMatch(/^\d\d:\d\d:\d\d ERROR failed\nError: m\n {2}at \[redacted\]\n$/);
  });

  it("a level that nobody knows is its number, and a line may have no message", () => {
    expect(logged({ level: 35, time: 0 }, { pretty: true })).toMatch(/ 35 \n$/);
  });
});
