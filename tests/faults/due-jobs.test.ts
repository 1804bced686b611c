import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OWNER } from "../../src/auth/keys.ts";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import type { ReceivedRequest } from "../fake-upstream/request.ts";
import { aJob } from "../helpers/jobs.ts";
import { historiesOf } from "./job-histories.ts";
import { fault, percentile, report } from "./report.ts";
import { openPlace, type Place, type Server } from "./server.ts";

const CONCURRENCY = 10;
const MODEL_MS = 50;
/** Time to start and to ask before anything is due. */
const BEFORE_MS = 8_000;
const PROBE_EVERY_MS = 5;
const PROBES_A_LOOK = 20;

const ROW = {
  id: "R-62",
  what: `jobs due in the same second, ${CONCURRENCY} at a time, each ${MODEL_MS} ms of a model: each is done once, and starts when those before it have had their time`,
  counts: { quick: 200, usual: 10_000, full: 10_000 },
  limit: { of: "start lag, p99, beside jobs ÷ concurrency × the model's time", most: 1.5, unit: "×" },
};
const BESIDE = {
  id: "R-62",
  what: "jobs due in the same second: requests beside them, one after the other",
  counts: ROW.counts,
  limit: { of: "their p99 alone", most: 3, unit: "×" },
};

const slowModel = async (request: ReceivedRequest) => {
  if (request.endpoint !== "completion") return undefined;
  await sleep(MODEL_MS);
  return { text: "Done." };
};

fault(ROW, async (count) => {
  const place = await openPlace(slowModel, `jobs: {max_concurrent: ${CONCURRENCY}}\n`);
  const dueAt = Math.ceil((Date.now() + BEFORE_MS) / 1_000) * 1_000;
  const ids = await storeJobs(place, count, dueAt);
  const server = await place.start();
  // Paths that nobody went before are slow the first time.
  await probe(server, ids, async () => Date.now() > dueAt - BEFORE_MS / 2);
  const alone = await probe(server, ids, async () => Date.now() > dueAt);
  const beside = await probe(server, ids, async () => (await completedIn(server)) >= count);
  const fires = (await historiesOf(server, ids)).flatMap((history) => history.fires);
  const failures = fires.flatMap(({ status, reason }) =>
    status === "completed" ? [] : [`${status} ${reason}`],
  );
  if (fires.length !== count) failures.push(`${fires.length} fires of ${count} jobs`);
  const runs = new Set(fires.map(({ runId }) => runId));
  if (runs.size !== count) failures.push(`${runs.size} runs of ${count} jobs`);
  report(BESIDE, { failures: [], figure: beside / alone });
  const modelMs = (count / CONCURRENCY) * MODEL_MS;
  const lags = fires.map(({ lateness }) => lateness * 1_000);
  return { failures, figure: percentile(lags, 0.99) / modelMs };
});

/** Asks for one job after the other until it is over; the 99th percentile of the answers' times, ms. */
async function probe(
  server: Server,
  ids: readonly string[],
  isOver: () => Promise<boolean>,
): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n % PROBES_A_LOOK !== 0 || !(await isOver()); n++) {
    const began = performance.now();
    const { status } = await server.ask(`/v1/jobs/${ids[n % ids.length]}`);
    times.push(performance.now() - began);
    if (status !== 200) throw new Error(`a job answers ${status}`);
    await sleep(PROBE_EVERY_MS);
  }
  return percentile(times, 0.99);
}

async function completedIn(server: Server): Promise<number> {
  const { json } = await server.ask("/health/detailed");
  return json.readiness.checks.scheduler.completed;
}

/** Puts jobs into a home whose server does not run. */
async function storeJobs({ cwd }: Place, count: number, dueAt: number): Promise<string[]> {
  const file = join(cwd, ".hermes", "state.db");
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  const schedule = { kind: "once", runAt: dueAt, timezone: "UTC", display: "once" } as const;
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const job = aJob({
      owner: OWNER.id,
      schedule,
      nextAt: dueAt,
      nextOccurrence: dueAt,
      times: 1,
      deliver: [],
    });
    ids.push(job.id);
    await store.jobs.createJob(job);
  }
  await store.close();
  return ids;
}
