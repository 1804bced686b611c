import { getEventListeners } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ProviderError } from "../../../../src/providers/provider.ts";
import { eventStream } from "../../../../src/providers/transport/event-stream.ts";
import { createEndpoint, type Endpoint, type Sign } from "../../../../src/providers/transport/http.ts";
import { FakeUpstream } from "../../../fake-upstream/fake-upstream.ts";
import type { Script } from "../../../fake-upstream/script.ts";

interface Setup extends AsyncDisposable {
  upstream: FakeUpstream;
  endpoint: Endpoint;
}

async function setUp(script: Script, sign: Sign, timeoutMs = 5_000): Promise<Setup> {
  const upstream = await FakeUpstream.start(script);
  const endpoint = createEndpoint({
    baseUrl: `${upstream.origin}/v1/`,
    headers: { "x-fixed": "fixed", "x-both": "fixed" },
    sign,
    framing: eventStream,
    timeoutMs,
    idleTimeoutMs: 5_000,
  });
  return {
    upstream,
    endpoint,
    [Symbol.asyncDispose]: async () => {
      await endpoint.close();
      await upstream.close();
    },
  };
}

const POST = { path: "/chat/completions", body: JSON.stringify({ model: "m", messages: [] }) };
const OK = { status: 200, body: { fine: true } };

describe("the signing of requests", () => {
  test("a signature covers what is sent, and its headers are sent besides the fixed ones", async () => {
    const signed: object[] = [];
    const sign: Sign = async ({ method, url, headers, body }) => {
      signed.push({ method, path: url.pathname, fixed: headers["x-fixed"], body: body.toString() });
      return { "x-signature": "s", "x-both": "signed" };
    };
    await using all = await setUp([OK], sign);
    await all.endpoint.post({ ...POST, signal: new AbortController().signal });
    const path = "/v1/chat/completions";
    expect(signed).toEqual([{ method: "POST", path, fixed: "fixed", body: POST.body }]);
    const [request] = all.upstream.requests;
    expect(request?.path).toBe(path);
    expect(request?.headers).toMatchObject({ "x-fixed": "fixed", "x-both": "signed", "x-signature": "s" });
  });

  test("a request that is sent again over a new connection is signed again", async () => {
    let signatures = 0;
    const sign: Sign = () => ({ "x-signature": String(++signatures) });
    await using all = await setUp([OK, { cut: "before-headers" }, OK], sign);
    const { signal } = new AbortController();
    await all.endpoint.post({ ...POST, signal });
    // A connection serves again only after a turn of the event loop.
    await nextTurn();
    await nextTurn();
    await all.endpoint.post({ ...POST, signal });
    expect(all.upstream.requests.map(({ headers }) => headers["x-signature"])).toEqual(["1", "2", "3"]);
  });

  test("an error of the signing ends the call and nothing is sent", async () => {
    const error = new ProviderError("auth", "There are no credentials.");
    await using all = await setUp([], () => Promise.reject(error));
    const { signal } = new AbortController();
    await expect(all.endpoint.post({ ...POST, signal })).rejects.toBe(error);
    expect(all.upstream.requests).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("an abort during the signing ends the call at once, and nothing is sent afterwards", async () => {
    const { promise, resolve } = Promise.withResolvers<Record<string, string>>();
    await using all = await setUp([], () => promise);
    const controller = new AbortController();
    const reason = new Error("stopped");
    const post = all.endpoint.post({ ...POST, signal: controller.signal });
    controller.abort(reason);
    await expect(post).rejects.toBe(reason);
    resolve({});
    await nextTurn();
    expect(all.upstream.counts.openSockets).toBe(0);
  });

  test("the timeout of a call includes its signing", async () => {
    await using all = await setUp([], () => new Promise(() => {}), 30);
    const { signal } = new AbortController();
    await expect(all.endpoint.post({ ...POST, signal })).rejects.toMatchObject({ kind: "timeout" });
  });
});
