import { describe, expect, test } from "vitest";
import {
  type ModelEvent,
  type ModelResult,
  type Provider,
  ProviderError,
} from "../../../src/providers/provider.ts";
import { type RetryOptions, withRetry } from "../../../src/providers/retry.ts";
import { ask, generate, KINDS, setUp, textIn } from "../../contract/provider-suite.ts";

const RESULT: ModelResult = {
  items: [],
  finish: "stop",
  usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 },
  served: { provider: "scripted", model: "m" },
};
const FIRST: ModelEvent = {
  type: "item",
  index: 0,
  item: { type: "message", role: "assistant", content: [] },
};

/** What one call of the scripted provider does: tells events and fails, or succeeds. */
type Step = { error: unknown; events?: ModelEvent[] } | "succeeds";

/** A provider that fails as told, with its waits recorded and not waited. */
function scripted(
  steps: readonly Step[],
  options: Partial<RetryOptions> = {},
): { provider: Provider; waits: number[]; calls: () => number } {
  let calls = 0;
  const waits: number[] = [];
  const inner: Provider = {
    name: "scripted",
    protocol: "test",
    async generate(_request, sink) {
      const step = steps[calls++];
      if (step === undefined || step === "succeeds") return RESULT;
      if (step.events !== undefined) sink(step.events);
      throw step.error;
    },
    close: async () => {},
  };
  const sleep = async (delayMs: number) => {
    waits.push(delayMs);
  };
  return {
    provider: withRetry(inner, { maxRetries: 5, random: () => 0, sleep, ...options }),
    waits,
    calls: () => calls,
  };
}

function failing(kind: ConstructorParameters<typeof ProviderError>[0], retryAfterMs?: number): Step {
  return {
    error: new ProviderError(kind, `It was ${kind}.`, retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

describe("repeated calls", () => {
  test.each([
    "rate_limit",
    "overloaded",
    "timeout",
    "network",
    "server",
    "malformed",
    "truncated",
  ] as const)("a call that fails with %s is repeated until it succeeds", async (kind) => {
    const { provider, calls } = scripted([failing(kind), failing(kind), "succeeds"]);
    expect((await generate(provider)).result).toBe(RESULT);
    expect(calls()).toBe(3);
  });

  test.each([
    "auth",
    "not_found",
    "context_length",
    "bad_request",
  ] as const)("a call that fails with %s is not repeated", async (kind) => {
    const { provider, calls } = scripted([failing(kind)]);
    await expect(generate(provider)).rejects.toMatchObject({ kind });
    expect(calls()).toBe(1);
  });

  test("a call whose error is not retryable is not repeated", async () => {
    const { provider, calls } = scripted([
      { error: new ProviderError("rate_limit", "No credit.", { retryable: false }) },
    ]);
    await expect(generate(provider)).rejects.toThrow("No credit.");
    expect(calls()).toBe(1);
  });

  test("a call that fails with another error than an upstream's is not repeated", async () => {
    const bug = new TypeError("bug");
    const { provider, calls } = scripted([{ error: bug }]);
    await expect(generate(provider)).rejects.toBe(bug);
    expect(calls()).toBe(1);
  });

  test("a call that fails after its first event is not repeated", async () => {
    const { provider, calls } = scripted([{ error: new ProviderError("truncated", "cut"), events: [FIRST] }]);
    await expect(generate(provider)).rejects.toMatchObject({ kind: "truncated" });
    expect(calls()).toBe(1);
  });

  test("a status message does not count as the first event of an answer", async () => {
    const news: ModelEvent = { type: "status", kind: "retry", text: "…" };
    const { provider, calls } = scripted([
      { error: new ProviderError("server", "x"), events: [news] },
      "succeeds",
    ]);
    await generate(provider);
    expect(calls()).toBe(2);
  });

  test.each([0, 1, 3])("a failing call is repeated at most %i times", async (maxRetries) => {
    const { provider, calls } = scripted(
      Array.from({ length: 9 }, () => failing("server")),
      { maxRetries },
    );
    await expect(generate(provider)).rejects.toMatchObject({ kind: "server" });
    expect(calls()).toBe(1 + maxRetries);
  });
});

describe("the wait before a repetition", () => {
  const five = Array.from({ length: 6 }, () => failing("server"));

  test.each([
    [0, [250, 500, 1_000, 2_000, 4_000, 4_000]],
    [0.999999, [500, 1_000, 2_000, 4_000, 8_000, 8_000]],
  ])("the wait doubles each time up to a limit (jitter %d)", async (random, expected) => {
    const { provider, waits } = scripted(five, { random: () => random, maxRetries: 6 });
    await generate(provider);
    expect(waits.map((ms) => Math.round(ms))).toEqual(expected);
  });

  test.each([
    0, 0.5, 0.999999,
  ])("the wait is what the upstream asks for, or up to a tenth longer (jitter %d)", async (random) => {
    const { provider, waits } = scripted([failing("rate_limit", 7_000)], { random: () => random });
    await generate(provider);
    expect(waits[0]).toBeGreaterThanOrEqual(7_000);
    expect(waits[0]).toBeLessThanOrEqual(7_700);
  });

  test("a call fails at once when the upstream asks for more than a minute", async () => {
    const { provider, waits } = scripted([failing("rate_limit", 61_000)]);
    await expect(generate(provider)).rejects.toMatchObject({ kind: "rate_limit", retryAfterMs: 61_000 });
    expect(waits).toEqual([]);
  });

  test("a status message tells the error and the wait", async () => {
    const { provider } = scripted([failing("rate_limit", 2_000)]);
    expect((await generate(provider)).events).toEqual([
      { type: "status", kind: "retry", text: "It was rate_limit. Trying again in 2.0 s." },
    ]);
  });
});

test("an abort during the wait rejects with the signal's reason", async () => {
  const inner: Provider = {
    name: "scripted",
    protocol: "test",
    generate: () => Promise.reject(new ProviderError("server", "down", { retryAfterMs: 60_000 })),
    close: async () => {},
  };
  const controller = new AbortController();
  const reason = new Error("stopped");
  const call = withRetry(inner, { maxRetries: 5 }).generate(
    ask(),
    () => controller.abort(reason),
    controller.signal,
  );
  await expect(call).rejects.toBe(reason);
});

test("a repeating provider has the name, protocol and close of the provider in it", async () => {
  let closed = false;
  const inner: Provider = {
    name: "n",
    protocol: "p",
    generate: async () => RESULT,
    close: async () => {
      closed = true;
    },
  };
  const provider = withRetry(inner, { maxRetries: 1 });
  await provider.close();
  expect({ name: provider.name, protocol: provider.protocol, closed }).toEqual({
    name: "n",
    protocol: "p",
    closed: true,
  });
});

describe.each(KINDS)("repetition over $protocol", (kind) => {
  test.each([
    ["an answer that asks to wait", { status: 429, headers: { "retry-after-ms": "1" } }],
    ["an overload error", { status: 529, headers: { "retry-after-ms": "1" } }],
    ["a server error", { status: 500, headers: { "retry-after-ms": "1" } }],
  ])("%s is repeated and shows only as a status message", async (_, reply) => {
    await using all = await setUp(kind, [reply, { text: "at last" }], { maxRetries: 2 });
    const { result, events } = await generate(all.provider);
    expect(textIn(result.items)).toBe("at last");
    expect(events.filter((event) => event.type === "status")).toHaveLength(1);
  });

  test("a stream that breaks before its first delta is repeated", async () => {
    await using all = await setUp(kind, [{ text: "x", cut: { events: 1 } }, { text: "whole" }], {
      maxRetries: 1,
    });
    expect(textIn((await generate(all.provider)).result.items)).toBe("whole");
  });

  test("a stream that breaks after its first delta is not repeated", async () => {
    await using all = await setUp(
      kind,
      [{ text: ["one", "two", "three"], cut: { events: 4 } }, { text: "no" }],
      {
        maxRetries: 1,
      },
    );
    await expect(generate(all.provider)).rejects.toMatchObject({ kind: "truncated" });
    expect(all.upstream.counts.requests).toBe(1);
  });
});
