import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve } from "../helpers/process.ts";
import { type Answering, startReceiver } from "../helpers/receiver.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

interface FireBody {
  id: string;
  status: string;
  deliveries: { target: string; status: string; attempts: number }[];
}

/** A home beside a receiver; each start is a process of its own. */
async function setUp(answer: Answering) {
  const cwd = await temporaryDirectory();
  const home = join(cwd, ".hermes");
  const receiver = await startReceiver(answer);
  const upstream = await FakeUpstream.start([{ text: "Sunny." }]);
  onTestFinished(() => upstream.close());
  await mkdir(home);
  await writeFile(
    join(home, "config.yaml"),
    JSON.stringify({ network: { allow_private: [receiver.place] } }),
  );
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const start = async () => {
    const server = await serve({ cwd, env });
    const ask = async <Body>(path: string, body?: object): Promise<Body> => {
      const headers = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
      const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      return (await (await fetch(`${server.origin}/v1/${path}`, { headers, ...sent })).json()) as Body;
    };
    return { server, ask };
  };
  return { home, receiver, start };
}

test("a result that was not delivered when the process was killed is delivered by the next one, under the same id", async () => {
  const { home, receiver, start } = await setUp((response, _request, n) => void (n > 1 && response.end()));
  const first = await start();
  const hook = `webhook:${receiver.origin}/hook`;
  const job = await first.ask<{ id: string }>("jobs", {
    prompt: "Look.",
    schedule: "in 1s",
    deliver: ["local", hook],
  });
  // The run is over, and the receiver has not answered yet.
  await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 10_000);
  first.server.child.kill("SIGKILL");
  await first.server.ending();

  const second = await start();
  const fired = await vi.waitFor(async () => {
    const { data } = await second.ask<{ data: FireBody[] }>(`jobs/${job.id}/runs`);
    expect(data.map(({ status, deliveries }) => [status, deliveries.map((each) => each.status)])).toEqual([
      ["completed", ["delivered", "delivered"]],
    ]);
    return data[0] as FireBody;
  }, 10_000);
  // The secret is the one that the first start has made, for nobody else to read.
  const env = await readFile(join(home, ".env"), "utf8");
  expect((await stat(join(home, ".env"))).mode & 0o777).toBe(0o600);
  const secret = /^JOBS_WEBHOOK_SECRET=(whsec_.+)$/m.exec(env)?.[1] ?? "";
  const ids = receiver.received.map(({ body, headers }) => {
    expect(new Webhook(secret).verify(body, headers)).toMatchObject({
      data: { id: fired.id, output: "Sunny." },
    });
    return headers["webhook-id"];
  });
  expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
  expect(await readdir(join(home, "cron", "output", job.id))).toHaveLength(1);
  const said = first.server.stdout + first.server.stderr + second.server.stdout + second.server.stderr;
  expect(said).not.toContain(secret);
  expect(said).not.toContain("/hook");
});

test("a stop does not wait for a receiver that does not answer, and leaves the result to the next process", async () => {
  const { receiver, start } = await setUp((response, _request, n) => void (n > 1 && response.end()));
  const first = await start();
  await first.ask("jobs", { prompt: "Look.", schedule: "in 1s", deliver: `webhook:${receiver.origin}/` });
  await vi.waitFor(() => expect(receiver.received).toHaveLength(1), 10_000);
  expect(await first.server.stop()).toEqual({ code: 0, signal: null });
  await start();
  await vi.waitFor(() => expect(receiver.received).toHaveLength(2), 10_000);
});
