import { describe, expect, onTestFinished, test } from "vitest";
import type { Run } from "../../../src/domain/run.ts";
import { type Db, openDatabase } from "../../../src/storage/sqlite/db.ts";
import { EventTable } from "../../../src/storage/sqlite/events.ts";
import { storeOn } from "../../../src/storage/sqlite/store.ts";
import { TranscriptTable } from "../../../src/storage/sqlite/transcripts.ts";
import { aRun, following, keep, transcriptOf } from "../../helpers/stored.ts";

/** Every look at a row is written down: what is remembered needs none. */
function openCounted() {
  const db = openDatabase({ file: ":memory:", applicationId: 1 });
  onTestFinished(() => void db.close());
  const looks: string[] = [];
  const counted = {
    prepare: (sql: string) => {
      const statement = db.prepare<[string]>(sql);
      return {
        get: (id: string) => {
          looks.push(id);
          return statement.get(id);
        },
      };
    },
  } as unknown as Db;
  return { db, store: storeOn(db, { file: ":memory:", sync: "normal" }), counted, looks };
}

async function chainOf(store: ReturnType<typeof storeOn>, length: number): Promise<Run[]> {
  const runs: Run[] = [];
  for (let n = 0; n < length; n++) {
    const before = runs.at(-1);
    const run = before === undefined ? aRun() : following(before);
    await keep(store, run, `${n}?`, `${n}!`);
    runs.push(run);
  }
  return runs;
}

const idOf = (runs: readonly Run[], index: number) => runs.at(index)?.id ?? "";

describe("a chain's transcript", () => {
  test("a chain's transcript costs one look for each run that was not read before", async () => {
    const { db, store, counted, looks } = openCounted();
    const runs = await chainOf(store, 20);
    const transcripts = new TranscriptTable(counted, new EventTable(db));
    transcripts.read(idOf(runs, -2));
    expect(looks).toHaveLength(19);
    looks.length = 0;
    const whole = transcriptOf(transcripts.read(idOf(runs, -1)));
    expect(looks).toEqual([idOf(runs, -1)]);
    expect(whole).toEqual(runs.flatMap((_, n) => [`user: ${n}?`, `assistant: ${n}!`]));
    transcripts.read(idOf(runs, -1));
    expect(looks).toHaveLength(1);
  });

  test("a chain's transcript is forgotten when others take the room, the least used first, and is still whole", async () => {
    const { db, store, counted, looks } = openCounted();
    const chains = [await chainOf(store, 3), await chainOf(store, 3), await chainOf(store, 3)];
    const { chars } = db
      .prepare("SELECT sum(length(facts)) AS chars FROM runs WHERE id IN (?, ?, ?)")
      .get(...(chains[0] ?? []).map(({ id }) => id)) as { chars: number };
    const transcripts = new TranscriptTable(counted, new EventTable(db), Math.ceil(chars * 2.5));
    const [one = "", two = "", three = ""] = chains.map((runs) => idOf(runs, -1));
    for (const id of [one, two, one, three]) transcripts.read(id);
    looks.length = 0;
    transcripts.read(one);
    transcripts.read(three);
    expect(looks).toEqual([]);
    expect(transcripts.read(two)).toHaveLength(6);
    expect(looks).toHaveLength(3);
  });

  test("larger than the room is read each time, and costs the others theirs not", async () => {
    const { db, store, counted, looks } = openCounted();
    const [short, long] = [await chainOf(store, 1), await chainOf(store, 9)];
    const transcripts = new TranscriptTable(counted, new EventTable(db), 4_000);
    transcripts.read(idOf(short, -1));
    transcripts.read(idOf(long, -1));
    looks.length = 0;
    transcripts.read(idOf(short, -1));
    expect(looks).toEqual([]);
    transcripts.read(idOf(long, -1));
    expect(looks).toHaveLength(9);
  });
});
