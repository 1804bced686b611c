import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { createGate } from "../fake-upstream/gate.ts";
import type { Script } from "../fake-upstream/script.ts";
import { call, hold, type Play, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { SLOWNESS } from "../helpers/slowness.ts";
import { openTestApp, type TestAppOptions } from "../helpers/test-app.ts";

const CHAT = { messages: [{ role: "user", content: "Hello?" }] };
const CONTINUE = { "x-hermes-disconnect": "continue" };

/** How long an upstream or a process may outlive its client, ms. */
const SOON_MS = 250;

async function open(play: Play, server: object = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, config: { gateway: { api_server: server } } });
  await app.listen();
  return { ...app, provider };
}

/** A server whose model is asked over HTTP. */
async function openUpstream(script: Script, env: TestAppOptions["env"] = { LLM_MODEL: "m" }) {
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const app = await openTestApp({
    env: { LLM_PROVIDER: "chat-completions", LLM_BASE_URL: upstream.origin, LLM_API_KEY: "sk-x", ...env },
    config: { llm: { max_retries: 0 } },
  });
  await app.listen();
  return { ...app, upstream };
}

describe.each([[true], [false]])("a client that leaves (streamed: %s)", (stream) => {
  test("while the model thinks frees the upstream at once", async () => {
    const { talk, upstream, running } = await openUpstream([{ text: "Never", stall: "before-headers" }]);
    const raw = await talk({ ...CHAT, stream });
    await upstream.requestArrived();
    raw.destroy();
    await upstream.streamAborted(1, SOON_MS * SLOWNESS);
    await running(0);
  });

  test("while the model speaks frees the upstream at once", async () => {
    const { talk, upstream, running } = await openUpstream([{ text: "One two three", stall: { events: 3 } }]);
    const raw = await talk({ ...CHAT, stream });
    if (stream) await raw.until('"One');
    else await upstream.requestArrived();
    raw.destroy();
    await upstream.streamAborted(1, SOON_MS * SLOWNESS);
    await running(0);
  });

  test("while a command runs has its whole process group killed", async () => {
    const command = "sleep 1000 & echo $! > child; echo $$ > shell; wait";
    const { talk, running, workspace, provider } = await open([call("terminal", { command }), say("Never.")]);
    const raw = await talk({ ...CHAT, stream });
    const pids = await vi.waitFor(
      () => Promise.all(["child", "shell"].map((name) => pidIn(join(workspace, name)))),
      { interval: 5, timeout: 5_000 },
    );
    raw.destroy();
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), {
      interval: 5,
      timeout: SOON_MS,
    });
    await running(0);
    expect(provider.requests).toHaveLength(1);
  });

  test("by a reset ends the run as well", async () => {
    const { talk, running, provider } = await open([[...say("One"), ...hold(createGate())]]);
    const raw = await talk({ ...CHAT, stream });
    await vi.waitFor(() => expect(provider.requests).toHaveLength(1), { interval: 5 });
    raw.socket.resetAndDestroy();
    await running(0);
    expect(provider.aborts).toHaveLength(1);
  });

  test("while the run is prepared does not get it done", async () => {
    const gate = createGate();
    const { talk, upstream, running, app } = await openUpstream(
      ({ endpoint }) =>
        endpoint === "models" ? { status: 200, body: { data: [{ id: "m" }] }, gate } : undefined,
      { LLM_MODEL: "" },
    );
    const raw = await talk({ ...CHAT, stream });
    await upstream.requestArrived();
    raw.destroy();
    await vi.waitFor(() => expect(connections(app.http.server)).resolves.toBe(0), { interval: 5 });
    await running(1);
    gate.open();
    await running(0);
    expect(upstream.requests.map(({ endpoint }) => endpoint)).toEqual(["models"]);
  });

  test("but asked the run to go on, lets it", async () => {
    const gate = createGate();
    const { talk, running, app, provider, workspace } = await open([
      [...hold(gate), ...call("write_file", { path: "done.txt", content: "done" })],
      say("Done."),
    ]);
    const raw = await talk({ ...CHAT, stream }, CONTINUE);
    await gate.reached();
    raw.destroy();
    await vi.waitFor(() => expect(connections(app.http.server)).resolves.toBe(0), { interval: 5 });
    gate.open();
    await running(0);
    expect(provider.aborts).toEqual([]);
    expect(provider.requests).toHaveLength(2);
    expect(await readFile(join(workspace, "done.txt"), "utf8")).toBe("done");
  });
});

describe("what a disconnect does", () => {
  test("what a disconnect does can be configured, and each request can say it otherwise", async () => {
    const { talk, running, provider } = await open(() => [...say("One"), ...hold(createGate())], {
      on_disconnect: "continue",
      drain_timeout_seconds: 0,
    });
    const staying = await talk({ ...CHAT, stream: true });
    const leaving = await talk({ ...CHAT, stream: true }, { "x-hermes-disconnect": "Cancel" });
    await Promise.all([staying.until('"One"'), leaving.until('"One"')]);
    staying.destroy();
    leaving.destroy();
    await running(1);
    expect(provider.aborts).toHaveLength(1);
    // The other one is ended by the server's close, at last.
  });

  test("what a disconnect does is not what any other word says", async () => {
    const { ask } = await open([]);
    const answer = await ask("/v1/chat/completions", {
      body: CHAT,
      headers: { "x-hermes-disconnect": "wait" },
    });
    expect([answer.status, answer.json().error.param]).toEqual([400, "X-Hermes-Disconnect"]);
  });

  test("what a disconnect does can wait a little: a run that ends within the grace is whole", async () => {
    const gate = createGate();
    const { talk, running, app, provider } = await open([[...say("One"), ...hold(gate), ...say(" two.")]], {
      disconnect_grace_ms: 60_000,
    });
    const raw = await talk({ ...CHAT, stream: true });
    await raw.until('"One"');
    raw.destroy();
    await vi.waitFor(() => expect(connections(app.http.server)).resolves.toBe(0), { interval: 5 });
    gate.open();
    await running(0);
    expect(provider.aborts).toEqual([]);
  });

  test("what a disconnect does comes when the grace is over", async () => {
    const { talk, running, provider } = await open([[...say("One"), ...hold(createGate())]], {
      disconnect_grace_ms: 20,
    });
    const raw = await talk({ ...CHAT, stream: true });
    await raw.until('"One"');
    raw.destroy();
    await running(0);
    expect(provider.aborts).toHaveLength(1);
  });
});

function connections(server: { getConnections(done: (error: Error | null, count: number) => void): void }) {
  return new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

async function pidIn(file: string): Promise<number> {
  const text = await readFile(file, "utf8");
  if (!/^\d+\n$/.test(text)) throw new Error("not written yet");
  return Number(text);
}

/** A killed process whose parent is gone can be left as a zombie, which has no command line. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
