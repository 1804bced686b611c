import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { request as undiciRequest } from "undici";
import { describe, expect, test } from "vitest";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { asChat, asMessages } from "../../fake-upstream/request.ts";
import { openWire, readWire } from "../../helpers/wire-client.ts";

const STREAM = { model: "m", stream: true, messages: [] };

describe("what arrived", () => {
  test("requests as received, in order", async () => {
    await using upstream = await FakeUpstream.start([{ text: "a" }, { text: "b" }]);
    await readWire(`${upstream.origin}/chat/completions?x=1`, STREAM, { Authorization: "Bearer k" });
    await readWire(`${upstream.origin}/v1/messages`, { model: "m", max_tokens: 1, messages: [] });
    const [first, second] = upstream.requests;
    expect(first).toMatchObject({
      n: 1,
      method: "POST",
      path: "/chat/completions?x=1",
      protocol: "chat",
      endpoint: "completion",
      stream: true,
      headers: { authorization: "Bearer k" },
      body: STREAM,
      outcome: "answered",
    });
    expect(first?.rawBody.toString()).toBe(JSON.stringify(STREAM));
    expect(second).toMatchObject({ n: 2, protocol: "messages", stream: false });
    expect(() => asMessages(first as never)).toThrow("is no messages request");
    expect(asChat(first as never).model).toBe("m");
  });

  test("a body that is no JSON is kept as it is", async () => {
    await using upstream = await FakeUpstream.start([{ status: 400 }]);
    const url = `${upstream.openaiBaseURL}/chat/completions`;
    await (await undiciRequest(url, { method: "POST", body: "{oops" })).body.dump();
    const [request] = upstream.requests;
    expect(request?.body).toBeUndefined();
    expect(request?.rawBody.toString()).toBe("{oops");
  });

  test("a function answers by the request, and leaves the rest to the queue", async () => {
    await using upstream = await FakeUpstream.start(({ body, endpoint }) =>
      endpoint === "models" ? { status: 401 } : body?.["model"] === "a" ? { text: "for a" } : undefined,
    );
    upstream.enqueue({ text: "queued" });
    const ask = (model: string) => readWire(`${upstream.openaiBaseURL}/chat/completions`, { model });
    expect((await ask("a")).bytes.toString()).toContain("for a");
    expect((await ask("b")).bytes.toString()).toContain("queued");
    expect((await readWire(`${upstream.openaiBaseURL}/models`)).status).toBe(401);
    expect(upstream.repliesLeft).toBe(0);
  });

  test("a request that nobody scripted, or to nowhere, is told so", async () => {
    await using upstream = await FakeUpstream.start();
    const none = await readWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
    expect(none.bytes.toString()).toContain("no reply for request 1, POST /v1/chat/completions");
    expect(none.status).toBe(418);
    const nowhere = await readWire(`${upstream.origin}/v2/x`, {});
    expect(nowhere).toMatchObject({ status: 404 });
    expect(nowhere.bytes.toString()).toContain("nothing at POST /v2/x");
  });
});

describe("gates", () => {
  test("hold a reply before its headers, between deltas and between raw writes", async () => {
    const [first, second, third] = [createGate(), createGate(), createGate()];
    const headers = { "content-type": "text/event-stream" };
    await using upstream = await FakeUpstream.start([
      { text: ["Hel", second, "lo"], gate: first },
      { status: 200, headers, body: ["data: 1\n\n", third, "data: 2\n\n"] },
    ]);
    const url = `${upstream.openaiBaseURL}/chat/completions`;
    const call = openWire(url, STREAM);
    await first.reached();
    first.open();
    await second.reached();
    await call.received(1);
    expect(upstream.counts.openStreams).toBe(1);
    second.open();
    const text = (await call.answer).bytes.toString();
    expect(text.indexOf('"Hel"')).toBeLessThan(text.indexOf('"lo"'));

    const raw = openWire(url, STREAM);
    await third.reached();
    await raw.received(9);
    third.open();
    expect((await raw.answer).chunks.map(String)).toEqual(["data: 1\n\n", "data: 2\n\n"]);
  });

  test("gates in a text hold an answer in one piece as a whole", async () => {
    const gate = createGate();
    await using upstream = await FakeUpstream.start([{ text: ["Hel", gate, "lo"] }]);
    const call = openWire(`${upstream.openaiBaseURL}/chat/completions`, { model: "m" });
    await gate.reached();
    gate.open();
    expect((await call.answer).bytes.toString()).toContain('"content":"Hello"');
  });

  test("let a reply go when its client is gone", async () => {
    await using upstream = await FakeUpstream.start([{ text: "x", gate: createGate() }]);
    const call = openWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
    await upstream.requestArrived();
    call.abort();
    await expect(call.answer).rejects.toThrow();
    await upstream.streamAborted();
    await upstream.idle();
  });

  test("say so when nothing comes to them", async () => {
    await expect(createGate("second delta").reached(1)).rejects.toThrow(
      "no reply came to the second delta within 1 ms",
    );
  });
});

describe("waiting", () => {
  test("ends with a message that says what happened instead", async () => {
    await using upstream = await FakeUpstream.start([{ text: "x", stall: 0 }]);
    const call = openWire(`${upstream.openaiBaseURL}/chat/completions`, STREAM);
    await upstream.requestArrived();
    const summary = "1 open sockets; requests: #1 POST /v1/chat/completions open";
    await expect(upstream.requestArrived(2, 1)).rejects.toThrow(
      `arrival of request 2 did not happen within 1 ms; ${summary}`,
    );
    await expect(upstream.streamAborted(1, 1)).rejects.toThrow("abort 1 by a client did not happen");
    await expect(upstream.idle(1)).rejects.toThrow("end of all answers did not happen");
    await expect(upstream.disconnected(1)).rejects.toThrow("close of all sockets did not happen");
    call.abort();
  });

  test("ends when the fake closes", async () => {
    const upstream = await FakeUpstream.start();
    const waiting = expect(upstream.requestArrived()).rejects.toThrow("closed while a test waited");
    await upstream.close();
    await waiting;
  });
});

describe("close", () => {
  test("ends all that was going on", async () => {
    const gate = createGate();
    const upstream = await FakeUpstream.start([
      { text: "x", stall: "before-headers" },
      { text: "x", gate },
    ]);
    const url = `${upstream.openaiBaseURL}/chat/completions`;
    const calls = [openWire(url, STREAM), openWire(url, STREAM)];
    await upstream.requestArrived(2);
    await Promise.all([upstream.close(), upstream.close()]);
    expect(upstream.counts).toMatchObject({ openSockets: 0, openStreams: 0, abortedStreams: 0 });
    expect(upstream.requests.map(({ outcome }) => outcome)).toEqual(["cut", "cut"]);
    for (const { answer } of calls) await expect(answer).rejects.toMatchObject({ code: "ECONNRESET" });
    await expect(readWire(url, STREAM)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("close leaves nothing that keeps a process alive: no socket, no timer", async () => {
    const folder = new URL("../../", import.meta.url);
    const program = `
      const { FakeUpstream } = await import("${folder}fake-upstream/fake-upstream.ts");
      const { createGate } = await import("${folder}fake-upstream/gate.ts");
      const { openWire } = await import("${folder}helpers/wire-client.ts");
      const upstream = await FakeUpstream.start([
        { text: "x", stall: 0 },
        { text: "x", gate: createGate() },
        { text: "x", drip: { everyMs: 600_000 } },
      ]);
      const calls = [1, 2, 3].map(() => openWire(upstream.openaiBaseURL + "/chat/completions", { stream: true }));
      await upstream.requestArrived(3, 600_000);
      const waiting = upstream.requestArrived(4, 600_000);
      await upstream.close();
      await Promise.allSettled([waiting, ...calls.map(({ answer }) => answer)]);`;
    const args = ["--input-type=module", "--eval", program];
    await expect(promisify(execFile)(process.execPath, args, { timeout: 10_000 })).resolves.toMatchObject({
      stderr: "",
    });
  });

  test("close of one fake leaves another alone", async () => {
    const [one, two] = [await FakeUpstream.start(), await FakeUpstream.start([{ text: "still here" }])];
    await one.close();
    const answer = await readWire(`${two.openaiBaseURL}/chat/completions`, STREAM);
    expect(answer.bytes.toString()).toContain("still");
    await two.close();
  });
});
