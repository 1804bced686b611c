import { getEventListeners } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { bodyBytes } from "../fake-upstream/plan.ts";
import type { Answer, Reply } from "../fake-upstream/script.ts";
import { ask, connect, failure, generate, KEY, KINDS, setUp, textIn } from "./provider-suite.ts";

/** How soon an upstream must see that nobody wants its answer any more. */
const FREE_MS = 250;
/** A connection serves again only after a turn of the event loop. */
async function connectionFree(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

const PATHS = { chat: "/chat/completions", messages: "/messages" };

describe.each(KINDS)("the connection of $protocol", (kind) => {
  test.each([
    ["", "/v1"],
    ["/", "/v1"],
    ["/v1", "/v1"],
    ["/v1/", "/v1"],
    [`/v1${PATHS[kind.wire]}`, "/v1"],
    [PATHS[kind.wire], ""],
  ])("a base URL that ends with %j leads to paths below %j", async (suffix, prefix) => {
    await using all = await setUp(kind, [{ text: "here" }]);
    const provider = connect(kind, all.upstream.origin + suffix);
    expect(textIn((await generate(provider)).result.items)).toBe("here");
    expect(all.upstream.requests[0]?.path).toBe(prefix + PATHS[kind.wire]);
    await provider.close();
  });

  test("the key is sent in the protocol's own header", async () => {
    await using all = await setUp(kind, [{ text: "x" }]);
    await generate(all.provider);
    const { headers } = all.upstream.requests[0]!;
    expect(headers.authorization).toBe(`Bearer ${KEY}`);
    expect(headers["x-api-key"]).toBe(kind.wire === "messages" ? KEY : undefined);
    expect(headers["content-type"]).toBe("application/json");
  });

  describe.each([true, false])("abort (stream: %s)", (stream) => {
    const reason = new Error("nobody waits");

    test("an abort before the call sends nothing", async () => {
      await using all = await setUp(kind, []);
      await expect(generate(all.provider, ask({ stream }), AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(all.upstream.requests).toEqual([]);
    });

    test("an abort before the headers closes the connection and rejects with the signal's reason", async () => {
      await using all = await setUp(kind, [{ text: "late", gate: createGate() }]);
      const controller = new AbortController();
      const call = generate(all.provider, ask({ stream }), controller.signal);
      await all.upstream.requestArrived();
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await all.upstream.streamAborted(1, FREE_MS);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    });

    test("an abort within the body closes the connection and rejects with the signal's reason", async () => {
      const gate = createGate();
      const answer: Answer = { text: ["one", gate, "two"], mode: "stream" };
      await using all = await setUp(kind, [answer]);
      const controller = new AbortController();
      const call = generate(all.provider, ask({ stream }), controller.signal);
      await gate.reached();
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await all.upstream.streamAborted(1, FREE_MS);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    });
  });

  test("an abort by the sink ends the call", async () => {
    await using all = await setUp(kind, [{ text: "one two three" }]);
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = all.provider.generate(ask(), () => controller.abort(reason), controller.signal);
    await expect(call).rejects.toBe(reason);
    await all.upstream.streamAborted(1, FREE_MS);
  });

  test("a call throws what its sink throws, and closes the connection", async () => {
    await using all = await setUp(kind, [{ text: "one two three" }]);
    const bug = new TypeError("bug in the sink");
    const sink = () => {
      throw bug;
    };
    await expect(all.provider.generate(ask(), sink, new AbortController().signal)).rejects.toBe(bug);
    await all.upstream.streamAborted(1, FREE_MS);
  });

  test("a finished call leaves no listener on its signal", async () => {
    await using all = await setUp(kind, [{ text: "x" }]);
    const controller = new AbortController();
    await generate(all.provider, ask(), controller.signal);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  describe("timeouts", () => {
    test.each([true, false])("a call without an answer fails at the timeout (stream: %s)", async (stream) => {
      await using all = await setUp(kind, [{ text: "late", gate: createGate() }], { timeoutMs: 80 });
      const since = performance.now();
      const error = await failure(all.provider, ask({ stream }));
      expect(error).toMatchObject({ kind: "timeout", message: "The upstream did not answer within 0.08 s." });
      expect(performance.now() - since).toBeGreaterThan(75);
      await all.upstream.streamAborted(1, FREE_MS);
    });

    test("the timeout includes the whole of an answer in one piece", async () => {
      await using all = await setUp(kind, [{ text: "stuck", stall: 10 }], { timeoutMs: 80 });
      expect((await failure(all.provider, ask({ stream: false }))).kind).toBe("timeout");
      await all.upstream.streamAborted(1, FREE_MS);
    });

    test("a silent stream fails at the idle timeout, even when the timeout is longer", async () => {
      await using all = await setUp(kind, [{ text: "one two", stall: { events: 2 } }], { idleTimeoutMs: 80 });
      const error = await failure(all.provider);
      expect(error).toMatchObject({ kind: "timeout", message: "The upstream sent nothing for 0.08 s." });
      await all.upstream.streamAborted(1, FREE_MS);
    });

    test("a stream without any bytes fails at the idle timeout", async () => {
      await using all = await setUp(kind, [{ text: "one", stall: 0 }], { idleTimeoutMs: 80 });
      expect((await failure(all.provider)).message).toBe("The upstream sent nothing for 0.08 s.");
    });

    test("a slow stream that goes on does not time out", async () => {
      // Longer than the timeout in all, and each pause much shorter: a busy machine adds to them.
      const answer: Reply = { text: "a b c d e f g h", drip: { everyMs: 100 }, split: "events" };
      await using all = await setUp(kind, [answer], { timeoutMs: 600, idleTimeoutMs: 600 });
      expect(textIn((await generate(all.provider)).result.items)).toBe("a b c d e f g h");
    });
  });

  describe("faults of the network", () => {
    test.each([
      "cut",
      "reset",
    ] as const)("a connection that fails (%s) before the headers is a network error", async (how) => {
      await using all = await setUp(kind, [{ text: "x", [how]: "before-headers" }]);
      expect(await failure(all.provider)).toMatchObject({ kind: "network", retryable: true });
      expect(all.upstream.counts.requests).toBe(1);
    });

    test.each([
      true,
      false,
    ])("a connection that is cut within the answer is an error of kind truncated (stream: %s)", async (stream) => {
      await using all = await setUp(kind, [{ text: "one two", cut: 40 }]);
      expect(await failure(all.provider, ask({ stream }))).toMatchObject({ kind: "truncated" });
    });

    test("a connection that is reset within a stream is an error of kind truncated", async () => {
      await using all = await setUp(kind, [{ text: "one two", reset: { events: 3 } }]);
      expect((await failure(all.provider)).kind).toBe("truncated");
    });

    test("a refused connection is a retryable network error", async () => {
      await using all = await setUp(kind, []);
      await all.upstream.close();
      const error = await failure(all.provider);
      expect(error).toMatchObject({ kind: "network", retryable: true });
      expect(error.message).toContain("ECONNREFUSED");
    });

    test("TLS to a server without TLS is a retryable network error", async () => {
      await using all = await setUp(kind, []);
      const provider = connect(kind, all.upstream.origin.replace("http:", "https:"));
      expect(await failure(provider)).toMatchObject({ kind: "network", retryable: true });
      await provider.close();
    });

    test("a key that is no valid header is an error that is not retryable", async () => {
      await using all = await setUp(kind, []);
      const provider = connect(kind, all.upstream.origin, {}, "sk-line\nbreak");
      expect(await failure(provider)).toMatchObject({ kind: "network", retryable: false });
      await provider.close();
    });
  });

  describe("kept-alive connections", () => {
    test("consecutive calls share one connection", async () => {
      await using all = await setUp(kind, [{ text: "1" }, { text: "2" }, { text: "3" }]);
      for (const stream of [true, false, true]) {
        await generate(all.provider, ask({ stream }));
        await connectionFree();
      }
      expect(all.upstream.counts.openSockets).toBe(1);
    });

    test.each([
      "cut",
      "reset",
    ] as const)("a kept connection that died (%s) is replaced without an error", async (how) => {
      await using all = await setUp(kind, [{ text: "1" }, { [how]: "before-headers" }, { text: "2" }]);
      await generate(all.provider);
      await connectionFree();
      const second = await generate(all.provider);
      expect(textIn(second.result.items)).toBe("2");
      expect(second.events.filter((event) => event.type === "status")).toEqual([]);
      expect(all.upstream.counts.requests).toBe(3);
    });

    test("a kept connection that breaks during an answer is an error", async () => {
      await using all = await setUp(kind, [{ text: "1" }, { text: "2", cut: { events: 1 } }]);
      await generate(all.provider);
      await connectionFree();
      expect((await failure(all.provider)).kind).toBe("truncated");
      expect(all.upstream.counts.requests).toBe(2);
    });

    test("an abort during the replacement of a connection ends the call", async () => {
      const gate = createGate();
      await using all = await setUp(kind, [{ text: "1" }, { cut: "before-headers" }, { text: "2", gate }]);
      await generate(all.provider);
      await connectionFree();
      const controller = new AbortController();
      const call = generate(all.provider, ask(), controller.signal);
      await all.upstream.requestArrived(3);
      const reason = new Error("nobody waits");
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await all.upstream.streamAborted(1, FREE_MS);
    });
  });

  describe("the end of a stream", () => {
    const answer: Answer = { text: "all of it", usage: { outputTokens: 3 } };
    const events = bodyBytes(answer, { protocol: kind.wire }).toString().split("\n\n").length - 1;

    test("a stream ends at its end mark, even when the upstream never ends the answer", async () => {
      await using all = await setUp(kind, (request) => ({
        ...answer,
        // Whatever this request makes of it: everything is sent, and then nothing more happens.
        stall: bodyBytes(answer, request).length,
      }));
      const since = performance.now();
      expect(textIn((await generate(all.provider)).result.items)).toBe("all of it");
      expect(performance.now() - since).toBeLessThan(500);
      // After a second the connection is closed; that is the same for both.
      if (kind.wire === "chat") await all.upstream.streamAborted(1, 2_000);
    });

    test("a stream may end without its end mark", async () => {
      await using all = await setUp(kind, [{ ...answer, done: false }]);
      expect(textIn((await generate(all.provider)).result.items)).toBe("all of it");
    });

    test.each([
      "cut",
      "reset",
      "stall",
    ] as const)("a failure (%s) after the finish reason loses nothing", async (how) => {
      await using all = await setUp(kind, [{ ...answer, done: false, [how]: { events: events - 1 } }], {
        idleTimeoutMs: 80,
      });
      const { result } = await generate(all.provider);
      expect(textIn(result.items)).toBe("all of it");
      expect(result.finish).toBe("stop");
    });

    test("bytes after the end mark are ignored", async () => {
      const stray = (items: readonly unknown[]) => [...items, { data: "not JSON at all" }];
      await using all = await setUp(kind, [{ ...answer, edits: [(items) => stray(items) as typeof items] }]);
      expect(textIn((await generate(all.provider)).result.items)).toBe("all of it");
    });
  });
});
