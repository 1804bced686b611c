import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { detectLocalModel, findFirstModel, isOwnPort, ownsListeners } from "../../../src/providers/detect.ts";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";
import type { Reply } from "../../fake-upstream/script.ts";

const PATIENT_MS = 5_000;
const HURRIED_MS = 120;

function portOf(upstream: FakeUpstream): number {
  return Number(new URL(upstream.origin).port);
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const upstream = await FakeUpstream.start();
  await upstream.close();
  return portOf(upstream);
}

describe("the search for a local model server", () => {
  test("a local model server is found with its first model that can chat", async () => {
    await using upstream = await FakeUpstream.start([], {
      models: ["nomic-embed-text", "whisper-1", "qwen3:8b"],
    });
    const candidates = [{ preset: "ollama", port: portOf(upstream) }] as const;
    expect(await detectLocalModel({ candidates, timeoutMs: PATIENT_MS })).toEqual({
      preset: "ollama",
      baseUrl: `http://127.0.0.1:${portOf(upstream)}/v1`,
      model: "qwen3:8b",
    });
  });

  test("the search for a local model server of several local servers the preferred one is taken, not the fastest", async () => {
    await using first = await FakeUpstream.start([], { models: ["a"] });
    await using second = await FakeUpstream.start([], { models: ["b"] });
    const candidates = [
      { preset: "ollama", port: await freePort() },
      { preset: "lmstudio", port: portOf(second) },
      { preset: "llamacpp", port: portOf(first) },
    ] as const;
    expect((await detectLocalModel({ candidates, timeoutMs: PATIENT_MS }))?.model).toBe("b");
  });

  test.each<[string, Reply]>([
    ["lists no models", { status: 200, body: { data: [] } }],
    [
      "lists no model that can chat",
      { status: 200, body: { data: [{ id: "bge-rerank" }, { id: 7 }, null] } },
    ],
    ["answers with an error", { status: 500, body: { data: [{ id: "m" }] } }],
    ["answers with something else", { status: 200, body: "<html>" }],
    ["answers with a list of another form", { status: 200, body: { models: ["m"] } }],
    ["wants a login", { status: 401 }],
    ["breaks off", { status: 200, body: { data: [{ id: "m" }] }, cut: 5 }],
    ["floods", { status: 200, body: ["x".repeat(3_000_000), "y".repeat(3_000_000)], headers: {} }],
  ])("a local server that %s is not taken", async (_, reply) => {
    await using upstream = await FakeUpstream.start(() => reply);
    const candidates = [{ preset: "ollama", port: portOf(upstream) }] as const;
    expect(await detectLocalModel({ candidates, timeoutMs: PATIENT_MS })).toBeUndefined();
  });

  test("a local server that does not answer is given up at the timeout", async () => {
    await using silent = await FakeUpstream.start(() => ({ status: 200, stall: "before-headers" }));
    const candidates = [{ preset: "ollama", port: portOf(silent) }] as const;
    expect(await detectLocalModel({ candidates, timeoutMs: HURRIED_MS })).toBeUndefined();
    await silent.disconnected();
  });

  test("a local server that stops in the middle of its list is given up at the timeout", async () => {
    await using slow = await FakeUpstream.start(() => ({
      status: 200,
      body: { data: [{ id: "m" }] },
      stall: 4,
    }));
    const candidates = [{ preset: "ollama", port: portOf(slow) }] as const;
    expect(await detectLocalModel({ candidates, timeoutMs: HURRIED_MS })).toBeUndefined();
  });

  test("a local server that does not speak HTTP is not taken", async () => {
    const server = createServer((socket) => socket.on("error", () => {}).end("220 mail ready\r\n"));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const candidates = [{ preset: "ollama", port: (server.address() as AddressInfo).port }] as const;
    expect(await detectLocalModel({ candidates, timeoutMs: PATIENT_MS })).toBeUndefined();
    server.close();
  });
});

test("the request for an upstream's models carries its credential", async () => {
  await using upstream = await FakeUpstream.start([], { models: ["claude-opus-5"] });
  const headers = { "x-api-key": "k", "anthropic-version": "2023-06-01" };
  const signal = AbortSignal.timeout(PATIENT_MS);
  expect(await findFirstModel(`${upstream.origin}/v1`, { signal, headers })).toBe("claude-opus-5");
  expect(upstream.requests[0]).toMatchObject({ path: "/v1/models", headers: { "x-api-key": "k" } });
});

describe("the owner of a port", () => {
  /** A line of the kernel's table: 0100007F is 127.0.0.1, 2CAA is port 11434, 0A is LISTEN. */
  function line(address: string, state: string, uid: number): string {
    return `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 12345 1 0 100 0 0 10 0`;
  }
  const HEADER =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
  const table = (...lines: string[]) => [HEADER, ...lines].join("\n");

  test.each<[string, string, boolean]>([
    ["this user listens", table(line("0100007F:2CAA", "0A", 1000)), true],
    ["root listens", table(line("00000000:2CAA", "0A", 0)), true],
    ["another user listens", table(line("0100007F:2CAA", "0A", 1001)), false],
    [
      "another user listens as well",
      table(line("0100007F:2CAA", "0A", 1000), line("00000000:2CAA", "0A", 1001)),
      false,
    ],
    [
      "another user listens over IPv6",
      table(line("0100007F:2CAA", "0A", 1000), line("00000000000000000000000001000000:2CAA", "0A", 33)),
      false,
    ],
    ["nobody listens", table(), false],
    ["nobody listens, one is connected", table(line("0100007F:2CAA", "01", 1000)), false],
    ["this user listens elsewhere", table(line("0100007F:2CAB", "0A", 1000)), false],
    [
      "this user listens over IPv6 only",
      table(line("00000000000000000000000000000000:2CAA", "0A", 1000)),
      true,
    ],
    ["there is no table", "", false],
    ["the table is in another form", "LISTEN 0 128 127.0.0.1:11434", false],
  ])("when %s, the port counts as own only if all its listeners are", (_, tables, expected) => {
    expect(ownsListeners(tables, 11_434, 1000)).toBe(expected);
  });

  test("a socket table of 100,000 connections is read within the timeout", () => {
    const many = Array.from({ length: 100_000 }, (_, n) =>
      line(`0100007F:${(n % 9_999) + 10_000}`, "01", 1000),
    );
    const tables = table(line("0100007F:2CAA", "0A", 1000), ...many);
    const since = performance.now();
    expect(ownsListeners(tables, 11_434, 1000)).toBe(true);
    expect(performance.now() - since).toBeLessThan(HURRIED_MS);
  });

  test("no socket table is read after the timeout", async () => {
    await using upstream = await FakeUpstream.start();
    expect(await isOwnPort(portOf(upstream), AbortSignal.abort())).toBe(false);
  });

  test("the port of a server in this process counts as own, a free port does not", async () => {
    await using upstream = await FakeUpstream.start();
    const signal = AbortSignal.timeout(PATIENT_MS);
    expect(await isOwnPort(portOf(upstream), signal)).toBe(true);
    expect(await isOwnPort(await freePort(), signal)).toBe(false);
  });
});
