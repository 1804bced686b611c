import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { createGate } from "../fake-upstream/gate.ts";
import type { Script } from "../fake-upstream/script.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";
import { openWire } from "../helpers/wire-client.ts";

const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
const OK = { code: 0, signal: null };

async function start(script: Script, drainSeconds = 5) {
  const cwd = await temporaryDirectory();
  await mkdir(join(cwd, ".hermes"));
  const yaml = `gateway: { api_server: { drain_timeout_seconds: ${drainSeconds} } }`;
  await writeFile(join(cwd, ".hermes", "config.yaml"), yaml);
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const server = await serve({
    cwd,
    env: { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY },
  });
  const url = `${server.origin}/v1/chat/completions`;
  const ask = (stream: boolean) =>
    openWire(url, { stream, messages: [{ role: "user", content: "Hello?" }] }, HEADERS);
  return { server: Object.assign(server, { at: (name: string) => join(cwd, name) }), upstream, ask };
}

describe("SIGTERM", () => {
  test("ends a server whose prompt's files are FIFOs, which answers until then", async () => {
    const { server, ask, upstream } = await start([{ text: ["One"] }, { text: ["Two"] }]);
    for (const name of [server.at("AGENTS.md"), server.at(".hermes/SOUL.md")]) execFileSync("mkfifo", [name]);
    const answers = await Promise.all([ask(false).answer, ask(false).answer]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(upstream.requests).toHaveLength(2);
    expect((await openWire(`${server.origin}/ready`).answer).status).toBe(200);
    expect(await server.stop()).toEqual(OK);
  });

  test("SIGTERM lets running work finish, streamed and whole, takes no new work, and ends with code 0", async () => {
    const gate = createGate();
    const { server, ask, upstream } = await start([{ text: ["One", gate, " two"] }, { text: "Whole", gate }]);
    const streamed = ask(true);
    await upstream.requestArrived(1);
    const whole = ask(false);
    await upstream.requestArrived(2);
    await streamed.received(1);
    server.child.kill("SIGTERM");
    await server.says(/SIGTERM: no new work is taken/);
    const refused = await ask(false).answer;
    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBe("1");
    expect(JSON.parse(refused.bytes.toString())).toMatchObject({ error: { code: "gateway_draining" } });
    expect((await openWire(`${server.origin}/ready`).answer).status).toBe(503);
    expect((await openWire(`${server.origin}/health`).answer).status).toBe(200);
    gate.open();
    const answers = await Promise.all([streamed.answer, whole.answer]);
    expect(answers.map(({ complete }) => complete)).toEqual([true, true]);
    expect(answers[0]?.bytes.toString()).toMatch(
      / two[\s\S]*"finish_reason":"stop"[\s\S]*data: \[DONE\]\n\n$/,
    );
    expect(answers[1]?.bytes.toString()).toContain("Whole");
    expect(await server.ending()).toEqual(OK);
  });

  test("ends what takes too long with an explicit error, frees the upstream, and ends with code 0", async () => {
    const { server, ask, upstream } = await start(
      [
        { text: "One two", stall: { events: 3 } },
        { text: "Never", stall: "before-headers" },
      ],
      0.1,
    );
    const streamed = ask(true);
    await upstream.requestArrived(1);
    await streamed.received(400);
    const whole = ask(false);
    await upstream.requestArrived(2);
    server.child.kill("SIGTERM");
    const text = (await streamed.answer).bytes.toString();
    expect(text).toMatch(/"code":"server_shutdown"[\s\S]*data: \[DONE\]\n\n$/);
    expect((await streamed.answer).complete).toBe(true);
    const failed = await whole.answer;
    expect([failed.status, failed.bytes.toString()]).toEqual([
      503,
      expect.stringContaining("server_shutdown"),
    ]);
    expect(await server.ending()).toEqual(OK);
    expect(upstream.counts.openStreams).toBe(0);
  });

  test("SIGTERM gives a slow reader the rest of what was said", async () => {
    const text = "word ".repeat(1_600_000);
    const { server, upstream } = await start([{ text, deltas: 500_000 }]);
    const { hostname, port } = new URL(server.origin);
    const socket = connect({ host: hostname, port: Number(port) });
    const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "Hello?" }] });
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ${HEADERS.authorization}\r\n`;
    socket.pause();
    socket.write(`${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await upstream.requestArrived();
    await upstream.idle();
    server.child.kill("SIGTERM");
    await server.says(/SIGTERM/);
    let received = "";
    socket.on("data", (data) => {
      received += data;
    });
    socket.resume();
    await once(socket, "close");
    expect(received).toMatch(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/);
    expect(await server.ending()).toEqual(OK);
  });

  test("SIGTERM does not wait for connections that say nothing, or have sent half a head or half a body", async () => {
    const { server } = await start([]);
    const { hostname, port } = new URL(server.origin);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\n`;
    const rest = `authorization: ${HEADERS.authorization}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
    for (const bytes of ["", head, head + rest]) {
      const socket = connect({ host: hostname, port: Number(port) });
      onTestFinished(() => void socket.destroy());
      socket.on("error", () => {});
      await once(socket, "connect");
      if (bytes !== "") await new Promise((resolve) => socket.write(bytes, resolve));
    }
    // A request of another connection says that the server has had the time to read them.
    await openWire(`${server.origin}/health`).answer;
    expect(await server.stop()).toEqual(OK);
  });
});

test("SIGINT ends it with code 0 as well, and the database is free again", async () => {
  const { server } = await start([]);
  expect(await server.stop("SIGINT")).toEqual(OK);
});

test("a second signal does not wait", async () => {
  const { server, ask, upstream } = await start([{ text: "One", stall: { events: 1 } }]);
  const call = ask(true);
  await upstream.requestArrived();
  server.child.kill("SIGINT");
  await server.says(/SIGINT: no new work is taken/);
  expect(await server.stop("SIGINT")).toEqual({ code: 1, signal: null });
  expect((await call.answer).complete).toBe(false);
});

test("SIGHUP ends it with code 0, too", async () => {
  const { server } = await start([]);
  expect(await server.stop("SIGHUP")).toEqual(OK);
});
