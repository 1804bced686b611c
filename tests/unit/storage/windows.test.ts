import { expect, onTestFinished, test } from "vitest";
import type { Run } from "../../../src/domain/run.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/store.ts";
import type { RunQuery } from "../../../src/storage/store.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { aRun, aSession, dialogue, OWNER, writeOf } from "../../helpers/stored.ts";

/** Several windows. */
const MANY = 3_500;

function open() {
  const store = openSqliteStore({ file: ":memory:", applicationId: 1, sync: "normal" });
  onTestFinished(() => store.close());
  return store;
}

/** What work gives, and how often others had their turn before it did. */
async function turnsOf<Result>(work: Promise<Result>): Promise<{ result: Result; turns: number }> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    if (isOver) return;
    turns++;
    setImmediate(count);
  };
  setImmediate(count);
  const result = await work;
  isOver = true;
  return { result, turns };
}

test("a list of runs of a rare kind is found among many, while others have their turn", async () => {
  const store = open();
  const runs: Run[] = Array.from({ length: MANY }, (_, n) =>
    aRun({ surface: "runs", ...(n % 1_700 === 3 && { sessionId: "rare" }) }),
  );
  await store.append(runs.map((run) => writeOf(run, dialogue(run, "a", "b"))));
  const rare = runs.filter(({ sessionId }) => sessionId === "rare").map(({ id }) => id);
  const list = async (terms: Partial<RunQuery>) => {
    const query = { owner: OWNER, surface: "runs", order: "asc", limit: 10, ...terms } as const;
    const { result, turns } = await turnsOf(store.listRuns(query));
    return { ids: result.map(({ run }) => run.id), turns };
  };
  expect(rare).toHaveLength(3);
  expect((await list({ sessionId: "rare" })).ids).toEqual(rare);
  expect((await list({ sessionId: "rare", order: "desc" })).ids).toEqual(rare.toReversed());
  expect((await list({ sessionId: "rare", limit: 1, after: rare[0] })).ids).toEqual(rare.slice(1, 2));
  const none = await list({ status: "failed" });
  expect(none.ids).toEqual([]);
  expect(none.turns).toBeGreaterThan(1);
});

test("a job's history of a rare kind is found among many, while others have their turn", async () => {
  const store = open();
  const job = aJob();
  await store.jobs.createJob(job);
  const fires = Array.from({ length: MANY }, (_, n) =>
    aFire(job.id, { status: n === 1_500 ? "failed" : "completed" }),
  );
  await store.jobs.changeJob({ job, fires });
  const query = { jobId: job.id, owner: OWNER, order: "desc", limit: 5, status: "failed" } as const;
  const { result, turns } = await turnsOf(store.jobs.listFires(query));
  expect(result).toEqual([fires[1_500]]);
  expect(turns).toBeGreaterThan(1);
});

test("a search for sessions finds what matches among many, page by page, while others have their turn", async () => {
  const store = open();
  for (let n = 0; n < MANY; n++) {
    const title = n % 1_000 === 7 ? `needle ${n}` : `hay ${n}`;
    await store.sessions.create({ ...aSession(`s-${n}`, { createdAt: 1_000 + (n % 50) }), title });
  }
  const search = async (offset: number, words: string) => {
    const { result, turns } = await turnsOf(store.sessions.list({ owner: OWNER, limit: 3, offset, words }));
    return { titles: result.map(({ title }) => title), turns };
  };
  const first = await search(0, "needle");
  const second = await search(3, "needle");
  expect([...first.titles, ...second.titles].sort()).toEqual([
    "needle 1007",
    "needle 2007",
    "needle 3007",
    "needle 7",
  ]);
  expect((await search(0, "nothing")).turns).toBeGreaterThan(1);
});
