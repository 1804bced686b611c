import path from "node:path";
import Database from "better-sqlite3";
import type { Measurement } from "../row.ts";
import { requestBody, requestTarget } from "../scenarios.ts";
import { makeScratch, removeScratch, type Target } from "../targets.ts";
import type { FreshContext, Measured } from "./measure.ts";

/** Turns that are compared, at either end of the chain. */
const SHARE = 50;

/** How many bytes each turn of a chain takes in the database: its own, however much lies before it. */
export async function measureGrowth(
  context: FreshContext,
  { turns }: Extract<Measurement, { kind: "growth" }>,
): Promise<Measured> {
  const scratch = makeScratch("growth");
  const target = await context.startTarget({ scratch });
  try {
    let previous: string | undefined;
    for (let n = 0; n < turns; n += 1) previous = await say(target, previous);
  } finally {
    await target.stop();
  }
  const bytes = storedBytes(path.join(scratch.home, "state.db"));
  removeScratch(scratch);
  const errors = bytes.length === turns ? [] : [`${bytes.length} of ${turns} turns are stored`];
  const early = sum(bytes.slice(1, 1 + SHARE));
  const late = sum(bytes.slice(-SHARE));
  return { metrics: { growth: late / early, bytes: late / SHARE }, errors, errorCount: errors.length };
}

async function say({ port, key }: Target, previous: string | undefined): Promise<string> {
  const scenario = { kind: "response", ...(previous !== undefined && { previous }) } as const;
  const { method, path: url } = requestTarget(scenario);
  const response = await fetch(`http://127.0.0.1:${port}${url}`, {
    method,
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: requestBody(scenario, false),
  });
  const { id } = (await response.json()) as { id?: string };
  if (id === undefined) throw new Error(`no response, but status ${response.status}`);
  return id;
}

/** Bytes of each run's rows, oldest first. */
function storedBytes(file: string): number[] {
  const db = new Database(file, { readonly: true });
  const rows = db
    .prepare<[], { bytes: number }>(
      `SELECT octet_length(data) + octet_length(facts) + octet_length(coalesce(usage, ''))
         + (SELECT coalesce(sum(octet_length(payload)), 0) FROM events WHERE run_id = runs.id) AS bytes
       FROM runs ORDER BY id`,
    )
    .all();
  db.close();
  return rows.map(({ bytes }) => bytes);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
