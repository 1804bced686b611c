import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { writeFiles } from "../helpers/home-files.ts";
import { expectGone, longSleep, processesWith } from "../helpers/left-processes.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

/** A server whose job's script says that it ran, then sleeps; `end` is what happens to the server. */
async function setUp(end: (server: Awaited<ReturnType<typeof serve>>) => Promise<unknown>) {
  const cwd = await temporaryDirectory();
  const sleep = longSleep();
  await mkdir(join(cwd, ".hermes"));
  await writeFiles(join(cwd, ".hermes"), {
    "scripts/slow.sh": `echo ran >> ran.txt; sleep ${sleep}`,
    "config.yaml": "gateway: {api_server: {drain_timeout_seconds: 0.2}}",
  });
  const env = { API_SERVER_KEY: TEST_KEY, LLM_PROVIDER: "demo" };
  const first = await serve({ cwd, env });
  const call = async (origin: string, path: string, body?: object) => {
    const answer = await fetch(`${origin}/v1/jobs${path}`, {
      ...(body && { method: "POST", body: JSON.stringify(body) }),
      headers: { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" },
    });
    expect(answer.ok, await answer.clone().text()).toBe(true);
    return answer.json() as Promise<{ id: string; data: Record<string, unknown>[] }>;
  };
  const { id } = await call(first.origin, "", { prompt: "Go on.", schedule: "@yearly", script: "slow.sh" });
  await call(first.origin, `/${id}/run`, {});
  await vi.waitFor(() => expect(processesWith(sleep)).not.toEqual([]), 5_000);
  await end(first);
  const second = await serve({ cwd, env });
  await expectGone(sleep);
  const [fire] = await vi.waitFor(async () => {
    const { data } = await call(second.origin, `/${id}/runs`);
    expect(data[0]?.["ended_at"]).not.toBeNull();
    return data;
  }, 5_000);
  return { fire, cwd };
}

test.each([
  ["killed", (server) => server.stop("SIGKILL")],
  ["told to end", (server) => server.stop("SIGTERM")],
] as [string, Parameters<typeof setUp>[0]][])(
  "a script whose server is %s ends with it, and is not run again by the next one",
  { timeout: 30_000 },
  async (_how, end) => {
    const { fire, cwd } = await setUp(end);
    expect(await readFile(join(cwd, "ran.txt"), "utf8")).toBe("ran\n");
    expect(fire).toMatchObject({
      status: "interrupted",
      reason: expect.stringContaining("The server stopped while its script ran"),
      script: { ended_at: null },
      run_id: null,
    });
  },
);
