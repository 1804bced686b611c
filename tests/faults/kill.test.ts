import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, vi } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { FakeUpstream } from "../helpers/fake-upstream/fake-upstream.ts";
import { asChat } from "../helpers/fake-upstream/request.ts";
import type { Script } from "../helpers/fake-upstream/script.ts";
import { openStream } from "../helpers/live-stream.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";
import { fault, percentile, randomFrom, SEED } from "./report.ts";

const PER_ROUND = 4;
/** One of each round's jobs is of it: they take turns. */
const CONVERSATION = "kills";
const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };

/** A job writes its name to a file, once, and then says that it did. */
const upstreamScript: Script = (request) => {
  if (request.endpoint !== "completion") return undefined;
  const { messages } = asChat(request);
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const name = /job-\d+/.exec(JSON.stringify(messages[asked]))?.[0] ?? "";
  const isWritten = messages.slice(asked).some(({ role }) => role === "tool");
  const command = `echo ${name} >> effects.txt`;
  return isWritten
    ? { text: `${name} is done, and so says this sentence.`, drip: { everyMs: 2 }, split: "events" }
    : { text: "I write.", toolCalls: [{ name: "terminal", arguments: { command } }], split: "events" };
};

/** What the server said yes to. */
interface Acknowledged {
  /** Background responses by their jobs' names. */
  background: Map<string, string>;
  /** Whole answers, as they came. */
  whole: { id: string }[];
}

type Server = Awaited<ReturnType<typeof serve>>;

async function ask({ origin }: Server, body: object): Promise<{ id: string; status: string }> {
  const response = await fetch(`${origin}/v1/responses`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string; status: string };
}

/** Asks for work until the server is gone: in the background, told at once or by a stream that is cut, and waited for. */
async function load(server: Server, round: number, { background, whole }: Acknowledged): Promise<void> {
  const jobs = Array.from({ length: PER_ROUND }, (_, n) => `job-${round * PER_ROUND + n}`);
  await Promise.allSettled([
    ...jobs.map(async (name, n) => {
      const body = { input: name, background: true, ...(n === 3 && { conversation: CONVERSATION }) };
      if (n % 2 === 0) background.set(name, (await ask(server, body)).id);
      else background.set(name, await createdIn(server, body));
    }),
    ask(server, { input: `job-${9_000_000 + round}` }).then((answer) => whole.push(answer)),
  ]);
}

/** The id in a stream's first event; the stream is left there. */
async function createdIn({ origin }: Server, body: object): Promise<string> {
  const stream = await openStream(`${origin}/v1/responses`, { ...body, stream: true });
  const [, id = ""] = await stream.sees(/"id":"(resp_\w+)"/);
  stream.leave();
  return id;
}

/** What people said in the conversation, in order. */
async function saidIn({ origin }: Server): Promise<string[]> {
  const said: string[] = [];
  for (let after = ""; ; ) {
    const url = `${origin}/v1/conversations/${CONVERSATION}/items?order=asc&limit=100${after}`;
    const page = (await (await fetch(url, { headers: HEADERS })).json()) as ItemPage;
    for (const item of page.data) if (item.role === "user") said.push(item.content?.[0]?.text ?? "");
    if (!page.has_more) return said;
    after = `&after=${page.last_id}`;
  }
}

interface ItemPage {
  data: { role?: string; content?: { text: string }[] }[];
  has_more: boolean;
  last_id: string;
}

/** Looks at a copy: a database that is opened is changed. */
async function checkDatabase(home: string): Promise<void> {
  const copy = await temporaryDirectory();
  for (const name of await readdir(home))
    if (name.startsWith("state.db")) await copyFile(join(home, name), join(copy, name));
  const db = new Database(join(copy, "state.db"));
  expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  db.close();
}

async function read({ origin }: Server, id: string) {
  const response = await fetch(`${origin}/v1/responses/${id}`, { headers: HEADERS });
  expect([id, response.status]).toEqual([id, 200]);
  return (await response.json()) as { status: string; error: { code: string } | null; output: object[] };
}

const ROW = {
  id: "R-01",
  what: "`kill -9` under mixed load: nothing acknowledged is lost, all ends, nothing is done twice, the file is whole",
  counts: { quick: 12, usual: 60, full: 500 },
  limit: { of: "restart, p99", most: 1_000, unit: "ms" },
};

fault(ROW, async (rounds) => {
  const random = randomFrom(SEED);
  const cwd = await temporaryDirectory();
  await mkdir(join(cwd, ".hermes"));
  const upstream = await FakeUpstream.start(upstreamScript);
  onTestFinished(() => upstream.close());
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const acknowledged: Acknowledged = { background: new Map(), whole: [] };
  const starts: number[] = [];
  const start = async () => {
    const began = performance.now();
    const server = await serve({ cwd, env });
    starts.push(performance.now() - began);
    return server;
  };
  for (let round = 0; round < rounds; round++) {
    const server = await start();
    const loading = load(server, round, acknowledged);
    const dying = new Promise<void>((resolve) => {
      setTimeout(
        () => {
          server.child.kill("SIGKILL");
          resolve();
        },
        5 + random() * 400,
      );
    });
    await Promise.all([loading, dying]);
    await server.ending();
    await checkDatabase(join(cwd, ".hermes"));
  }
  const server = await start();
  const effects = async () => (await readFile(join(cwd, "effects.txt"), "utf8").catch(() => "")).split("\n");
  let interrupted = 0;
  for (const [name, id] of acknowledged.background) {
    const response = await vi.waitFor(
      async () => {
        const found = await read(server, id);
        expect(["queued", "in_progress"]).not.toContain(found.status);
        return found;
      },
      { timeout: 20_000, interval: 20 },
    );
    const text = JSON.stringify(response.output);
    const written = (await effects()).filter((line) => line === name).length;
    if (response.status === "completed") {
      expect(text).toContain(`${name} is done`);
      expect([name, written === 1 || text.includes("outcome is unknown")]).toEqual([name, true]);
    } else {
      // Killed again and again; never silently.
      interrupted++;
      expect(response).toMatchObject({ status: "failed", error: { code: "server_restarted" } });
    }
    expect([name, written]).toEqual([name, Math.min(written, 1)]);
  }
  const said = await saidIn(server);
  expect(said).toEqual([...new Set(said)]);
  const told = [...acknowledged.background.keys()].filter((name) => Number(name.slice(4)) % PER_ROUND === 3);
  expect(told.filter((name) => !said.includes(name))).toEqual([]);
  for (const answer of acknowledged.whole) expect(await read(server, answer.id)).toEqual(answer);
  console.log(`seed ${SEED}: ${acknowledged.background.size} in the background, ${interrupted} interrupted`);
  expect(acknowledged.background.size).toBeGreaterThan(rounds);
  return { failures: [], figure: percentile(starts, 0.99) };
});
