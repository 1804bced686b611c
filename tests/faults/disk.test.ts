import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { SYSTEM_DISK } from "../../src/storage/sqlite/disk.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { cutPower } from "../helpers/power-cut.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";
import { type FaultRow, fault, percentile, randomFrom, report, SEED } from "./report.ts";
import { HEADERS, openPlace, type Server } from "./server.ts";

for (const sync of ["normal", "full"] as const) {
  const sure = sync === "full" ? "all that was acknowledged" : "all that was synced";
  fault(
    {
      id: "R-03",
      what: `the power is cut (what was not synced is there in part, by chance, sector by sector), with \`storage.sync: ${sync}\`: the database is whole, has ${sure}, and no run without those before it`,
      counts: { quick: 100, usual: 1_000, full: 10_000 },
    },
    async (least) => {
      const random = randomFrom(SEED);
      const failures: string[] = [];
      let n = 0;
      while (n < least) {
        const found = await cutPower({ sync, runs: 50, random });
        failures.push(...found.failures);
        n += found.cuts;
      }
      return { n, failures };
    },
  );
}

const SYNC_MS = 500;
const CLIENTS = 4;
const SLOW: FaultRow = {
  id: "R-11",
  what: `a disk whose syncs take ${SYNC_MS / 1_000} s, ${CLIENTS} clients that store one response after the other: others do not wait for it`,
  counts: { quick: 1, usual: 4, full: 10 },
  limit: { of: "`/health`, p99", most: 20, unit: "ms" },
};
const RATE: FaultRow = {
  ...SLOW,
  what: `a disk whose syncs take ${SYNC_MS / 1_000} s, ${CLIENTS} clients that store one response after the other: commits share what there is to wait for`,
  limit: { of: "as many are stored on a fast disk", most: 2, unit: "×" },
};

fault(SLOW, async (rounds) => {
  const failures: string[] = [];
  const health: number[] = [];
  const ratios: number[] = [];
  const script = () => ({ text: "Some words of an answer. ".repeat(20) });
  const places = {
    fast: await openPlace(script),
    slow: await openPlace(script, "", { ODD_SYNC_MS: `${SYNC_MS}` }),
  };
  for (let round = 0; round < rounds; round++) {
    const fast = await store(await places.fast.start(), failures);
    const slow = await store(await places.slow.start(), failures);
    health.push(...slow.health);
    ratios.push(fast.stored / slow.stored);
  }
  report(RATE, { n: rounds, failures: [], figure: percentile(ratios, 0.5) });
  return { n: health.length, failures, figure: percentile(health, 0.99) };
});

const PROBE = join(import.meta.dirname, "health-probe.ts");

/** Several checkpoints of a slow disk. */
const STORING_MS = 12_000;

/** Stores as much as it can, and asks for the server's health meanwhile. */
async function store(server: Server, failures: string[]) {
  const until = performance.now() + STORING_MS;
  let stored = 0;
  const probe = new Worker(PROBE, { workerData: { origin: server.origin, forMs: STORING_MS } });
  const [[health]] = await Promise.all([
    once(probe, "message") as Promise<[number[]]>,
    ...Array.from({ length: CLIENTS }, async () => {
      while (performance.now() < until) {
        const { status } = await server.ask("/v1/responses", { input: "x" });
        if (status === 200) stored++;
        else failures.push(`a response was answered ${status}`);
      }
    }),
  ]);
  const { code } = await server.stop();
  if (code !== 0) failures.push(`exit code ${code}`);
  return { stored, health };
}

const GONE = {
  id: "R-12",
  what: "the home of a server under load is removed: nothing is acknowledged any more, it is not ready, its health says why, the log has one line",
  counts: { quick: 2, usual: 10, full: 50 },
};

fault(GONE, async (rounds) => {
  const failures: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const place = await openPlace(() => ({ text: "Here." }));
    const server = await place.start();
    let [isGone, goesOn, asked] = [false, true, 0];
    const asking = Array.from({ length: CLIENTS }, async () => {
      while (goesOn) {
        const wasGone = isGone;
        const { status, json } = await server.ask("/v1/responses", { input: "x" });
        if (wasGone) asked++;
        if (wasGone && json.error?.code !== "storage_unavailable") failures.push(`answered ${status}`);
      }
    });
    await sleep(100);
    await rm(join(place.cwd, ".hermes"), { recursive: true });
    isGone = true;
    while (asked < 50) await sleep(10);
    goesOn = false;
    await Promise.all(asking);
    const [ready, detailed] = [await server.ask("/ready"), await server.ask("/health/detailed")];
    if (ready.status !== 503) failures.push(`/ready answers ${ready.status}`);
    if (detailed.status !== 200 || detailed.json.readiness.checks.state_db.state !== "gone")
      failures.push(`/health/detailed answers ${detailed.status} ${detailed.text}`);
    const lines = server.stdout.split("\n").filter((line) => line.includes('"level":50'));
    if (lines.length !== 1)
      failures.push(`${lines.length} lines in the log: ${lines.map((l) => l.slice(0, 600)).join(" // ")}`);
    await server.stop();
  }
  return { failures };
});

const FULL = {
  id: "R-08",
  what: "the disk is full and stays so: what is deleted makes room, and as much is stored again",
  counts: { quick: 2, usual: 10, full: 50 },
};

/** How soon what was deleted has made room, seconds. */
const ROOM_WITHIN_S = 6;

fault(FULL, async (rounds) => {
  const failures: string[] = [];
  const file = join(await temporaryDirectory(), "state.db");
  const space = { freeBytes: 2 ** 30, totalBytes: 2 ** 40 };
  const disk = { ...SYSTEM_DISK, space: async () => space };
  const kept = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal", disk });
  const provider = scriptedProvider(() => say("word ".repeat(6_000)));
  const { ask } = await openTestApp({ provider, store: kept, faultsExpected: true });
  const ids: string[] = [];
  const fill = async (least: number) => {
    for (let refused = 0, n = 0; n < least || refused < 20; n++) {
      const answer = await ask("/v1/responses", { body: { input: "x" } });
      if (answer.status === 200) ids.push(answer.json().id);
      else if (answer.json().error.code === "storage_full") refused++;
      else failures.push(`${answer.status} ${answer.text}`);
      if (space.freeBytes > 0 && n === least) return;
    }
  };
  await fill(200);
  space.freeBytes = 0;
  await kept.look();
  await fill(0);
  for (let round = 0; round < rounds; round++) {
    const before = ids.length;
    for (const id of ids.splice(0, 100)) {
      const { status } = await ask(`/v1/responses/${id}`, { method: "DELETE", headers: HEADERS });
      if (status !== 200) failures.push(`DELETE answers ${status}`);
    }
    // The housekeeping looks once a second, and takes turns with what is stored meanwhile.
    for (let looks = 0; looks < ROOM_WITHIN_S && ids.length < before * 0.9; looks++) {
      await sleep(1_000);
      await fill(0);
    }
    if (ids.length < before * 0.9) failures.push(`${before} fitted, now ${ids.length} do`);
    for (const id of ids.slice(0, 10))
      if ((await ask(`/v1/responses/${id}`)).status !== 200) failures.push(`${id} is lost`);
  }
  return { failures };
});
