import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { vi } from "vitest";
import type { Place, Server } from "./server.ts";

/** One row of a job's history; instants are epoch ms. */
export interface ToldFire {
  id: string;
  runId: string | null;
  status: string;
  reason: string | null;
  at: number;
  started: number;
  /** Seconds. */
  lateness: number;
  count: number;
}

/** What the server says of a job. */
export interface JobHistory {
  name: string;
  /** Oldest first. */
  fires: ToldFire[];
}

/** Makes jobs named job-0, job-1 and so on. */
export async function makeJobs(server: Server, count: number, terms: object): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const name = `job-${n}`;
    const { status, json, text } = await server.ask("/v1/jobs", {
      name,
      prompt: name,
      deliver: [],
      ...terms,
    });
    if (status !== 201) throw new Error(`job refused: ${text}`);
    ids.push(json.id);
  }
  return ids;
}

/** Lets no job be due any more, and waits for what goes on. */
export async function letJobsEnd(server: Server, ids: readonly string[]): Promise<void> {
  for (const id of ids) await server.ask(`/v1/jobs/${id}/pause`, {});
  for (const id of ids)
    for (const status of ["queued", "running"])
      await vi.waitFor(
        async () => {
          const { json } = await server.ask(`/v1/jobs/${id}/runs?status=${status}&limit=1`);
          if (json.data.length > 0) throw new Error(`${id} goes on: ${JSON.stringify(json.data[0])}`);
        },
        { timeout: 300_000, interval: 50 },
      );
}

export async function historiesOf(server: Server, ids: readonly string[]): Promise<JobHistory[]> {
  return Promise.all(
    ids.map(async (id, n) => {
      const fires: ToldFire[] = [];
      for (let after = ""; ; ) {
        const { json } = await server.ask(`/v1/jobs/${id}/runs?order=asc&limit=100${after}`);
        for (const fire of json.data)
          fires.push({
            id: fire.id,
            runId: fire.run_id,
            status: fire.status,
            reason: fire.reason,
            at: Date.parse(fire.scheduled_for),
            started: Date.parse(fire.started_at),
            lateness: fire.lateness,
            count: fire.count,
          });
        if (!json.has_more) break;
        after = `&after=${json.last_id}`;
      }
      return { name: `job-${n}`, fires };
    }),
  );
}

/** What jobs did to the world. */
export interface Effects {
  /** Names of jobs, one for each time that a command ran. */
  ran: readonly string[];
  /** Of each job the calls whose model was told that nobody knows whether they were made. */
  unknown: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What the commands of jobs wrote. */
export async function ranIn({ cwd }: Place): Promise<string[]> {
  return (await readFile(join(cwd, "effects.txt"), "utf8")).trim().split("\n");
}

/** What is wrong with histories of jobs that are due in a constant time. */
export function checkHistories(
  histories: readonly JobHistory[],
  { everyMs, effects }: { everyMs: number; effects: Effects },
): string[] {
  const failures: string[] = [];
  const runs = new Set<string>();
  for (const { name, fires } of histories) {
    let next = fires[0]?.at ?? 0;
    for (const { at, count, status, reason, runId } of fires) {
      // A row stands for those before it, too.
      if (at - (count - 1) * everyMs !== next) failures.push(`${name}: ${at} x${count} where ${next} is due`);
      next = at + everyMs;
      if (status !== "completed" && status !== "skipped") failures.push(`${name}: ${status} ${reason}`);
      if (status === "skipped" ? runId !== null : runId === null || runs.has(runId))
        failures.push(`${name}: ${status} with the run ${runId}`);
      if (runId !== null) runs.add(runId);
    }
    if (fires.length === 0) failures.push(`${name} was never due`);
    const done = fires.filter(({ status }) => status === "completed").length;
    const ran = effects.ran.filter((line) => line === name).length;
    const unknown = effects.unknown.get(name)?.size ?? 0;
    if (ran > done || ran + unknown < done)
      failures.push(`${name}: ${done} runs, ${ran} effects, ${unknown} unknown`);
  }
  return failures;
}
