import { mkdirSync } from "node:fs";
import path from "node:path";
import { OWNER } from "../src/auth/keys.ts";
import { APPLICATION_ID } from "../src/config/profile.ts";
import type { AgentEvent, EventBody } from "../src/domain/event.ts";
import { itemId, type RunId, responseId } from "../src/domain/id.ts";
import { type Item, textMessage } from "../src/domain/item.ts";
import type { Run } from "../src/domain/run.ts";
import { createIdSource, newRunId } from "../src/lib/id.ts";
import { openSqliteStore } from "../src/storage/sqlite/store.ts";
import type { RunWrite } from "../src/storage/store.ts";
import type { Seed } from "./row.ts";
import { PLAIN_TEXT, TOKENS } from "./scenarios.ts";

/**
 * Fills a new home through the store, since a hundred thousand turns over HTTP would take longer than the bench. Started
 * with the home and what to put there; prints the id of the last response.
 */

const RUNS_PER_COMMIT = 500;
/** What a busy model says between two commits of a run. */
const EVENTS_PER_COMMIT = 25;
const USAGE = { inputTokens: 100, outputTokens: 16, cachedTokens: 0, reasoningTokens: 0 };
const nextId = createIdSource();

function newRun(parent: RunId | undefined): Run {
  return {
    id: newRunId(nextId),
    owner: OWNER.id,
    surface: "responses",
    createdAt: Date.now(),
    model: { asked: "bench", provider: "openai", served: "bench" },
    ...(parent !== undefined && { parent: { runId: parent } }),
  };
}

function itemOf(run: Run, n: number, item: Partial<Item> & ReturnType<typeof textMessage>): Item {
  return { id: itemId("msg", run.id, n), status: "completed", place: "output", ...item } as Item;
}

/** What a log writes for one turn; `deltas` are its text in pieces of one token. */
function turn(run: Run, deltas: number): RunWrite[] {
  const text = deltas === 0 ? PLAIN_TEXT : tokens(deltas).join("");
  const input = itemOf(run, 0, { ...textMessage("user", "What did the last run say?"), place: "input" });
  const said = itemOf(run, 1, textMessage("assistant", text));
  const begun = { ...itemOf(run, 1, textMessage("assistant", "")), status: "in_progress" } as Item;
  const bodies: EventBody[] = [
    { type: "run.created", run, input: [input] },
    { type: "run.started" },
    { type: "item.added", item: begun },
    ...tokens(deltas).map((delta) => ({
      type: "item.delta" as const,
      itemId: said.id,
      channel: "text" as const,
      delta,
    })),
    { type: "item.done", item: said },
    { type: "run.completed", reason: "stop", usage: USAGE, steps: 1 },
  ];
  const at = Date.now();
  const events: AgentEvent[] = bodies.map((body, i) => ({ runId: run.id, seq: i + 1, at, ...body }));
  const reservedSeq = events.length + 1_000;
  const writes: RunWrite[] = [];
  for (let from = 0; from < events.length; from += EVENTS_PER_COMMIT) {
    const part = events.slice(from, from + EVENTS_PER_COMMIT);
    const isLast = from + EVENTS_PER_COMMIT >= events.length;
    const end = isLast ? { endedAt: at, usage: USAGE } : {};
    const status = isLast ? "completed" : "running";
    writes.push({ run, created: from === 0, status, events: part, reservedSeq, ...end });
  }
  return writes;
}

function tokens(count: number): string[] {
  return Array.from({ length: count }, (_, i) => TOKENS[i % TOKENS.length] ?? "");
}

async function fill(home: string, { responses, chained, deltas = 0 }: Seed): Promise<string> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = path.join(home, "state.db");
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  let last: RunId | undefined;
  let writes: RunWrite[] = [];
  for (let n = 1; n <= responses; n += 1) {
    const run = newRun(chained === true ? last : undefined);
    last = run.id;
    writes.push(...turn(run, deltas));
    if (writes.length < RUNS_PER_COMMIT && n < responses) continue;
    await store.append(writes);
    writes = [];
  }
  await store.close();
  return last === undefined ? "" : responseId(last);
}

const [home = "", seed = "{}"] = process.argv.slice(2);
process.stdout.write(await fill(home, JSON.parse(seed)));
