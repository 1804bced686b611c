import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { openStream } from "../helpers/live-stream.ts";
import { serve } from "../helpers/process.ts";
import { eventsOf } from "../helpers/runs-app.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
const COMMAND = "rm -r keep; echo done >> effects.txt";

async function setUp() {
  const cwd = await temporaryDirectory();
  const upstream = await FakeUpstream.start([
    { toolCalls: [{ name: "terminal", arguments: { command: COMMAND } }] },
    { text: "It is gone." },
  ]);
  onTestFinished(() => upstream.close());
  await mkdir(join(cwd, ".hermes"));
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const start = async () => {
    const server = await serve({ cwd, env });
    const ask = async (path: string, body?: object) => {
      const response = await fetch(`${server.origin}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: HEADERS,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    return { server, ask };
  };
  return { cwd, start };
}

test("a call that is asked about, then the server killed, restarted and answered, is made once, and its watcher misses nothing", async () => {
  const { cwd, start } = await setUp();
  const first = await start();
  const { body: made } = await first.ask("/v1/runs", { input: "Clean up." });
  const path = `/v1/runs/${made["run_id"]}`;
  const before = await openStream(`${first.server.origin}${path}/events`);
  await before.sees(/approval\.request/);
  first.server.child.kill("SIGKILL");
  await first.server.ending();
  const heard = eventsOf(await before.ended);

  const second = await start();
  const { body: pending } = await second.ask("/v1/approvals");
  const [asked] = pending["data"] as { id: string; command: string }[];
  expect(asked).toMatchObject({ run_id: made["run_id"], status: "pending", command: COMMAND });
  const answer = { choice: "once", approval_id: asked?.id };
  await vi.waitFor(async () => expect((await second.ask(`${path}/approval`, answer)).status).toBe(200));
  const after = await openStream(`${second.server.origin}${path}/events?after=${heard.at(-1)?.seq}`);
  const all = [...heard, ...eventsOf(await after.ended)];
  expect(all.map(({ event }) => event).filter((event, i) => event !== all[i - 1]?.event)).toEqual([
    "approval.request",
    "approval.responded",
    "tool.started",
    "tool.completed",
    "message.delta",
    "run.completed",
  ]);
  const seqs = all.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  expect((await second.ask(path)).body).toMatchObject({ status: "completed", output: "It is gone." });
  expect(await readFile(join(cwd, "effects.txt"), "utf8")).toBe("done\n");
});
