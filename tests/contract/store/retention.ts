import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Run } from "../../../src/domain/run.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  dialogue,
  following,
  keep,
  type Open,
  OWNER,
  transcriptOf,
  writeOf,
} from "../../helpers/stored.ts";

/** What may happen to responses; `at` picks one of those there are. */
type Deed =
  | { do: "create"; expires: boolean }
  | { do: "chain" | "delete" | "read"; at: number }
  | { do: "sweep" };

const At = fc.nat(50);
const Deeds = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("create" as const), expires: fc.boolean() }),
    fc.record({ do: fc.constant("chain" as const), at: At }),
    fc.record({ do: fc.constant("chain" as const), at: At }),
    fc.record({ do: fc.constant("delete" as const), at: At }),
    fc.record({ do: fc.constant("read" as const), at: At }),
    fc.record({ do: fc.constant("sweep" as const) }),
  ),
  { maxLength: 40 },
);

/** Before every sweep. */
const EXPIRED = 5_000;
const NOW = 6_000;

/** Who is there, and what each must say. */
class Kept {
  readonly transcripts = new Map<Run, string[]>();
  readonly expiring = new Set<Run>();
  readonly #store: Store;
  #said = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async add(run: Run, before: readonly string[], expires: boolean): Promise<void> {
    const [question, answer] = [`${this.#said}?`, `${this.#said}!`];
    this.#said += 1;
    this.transcripts.set(run, [...before, `user: ${question}`, `assistant: ${answer}`]);
    if (expires) this.expiring.add(run);
    await keep(this.#store, run, question, answer, expires ? EXPIRED : undefined);
  }

  at(place: number): Run | undefined {
    return [...this.transcripts.keys()].at(place % Math.max(1, this.transcripts.size));
  }

  async do(deed: Deed): Promise<void> {
    if (deed.do === "create") return this.add(aRun(), [], deed.expires);
    if (deed.do === "sweep") return this.#sweep();
    const run = this.at(deed.at);
    if (run === undefined) return;
    if (deed.do === "chain") await this.add(following(run), this.transcripts.get(run) ?? [], false);
    if (deed.do === "read") await this.check(run);
    if (deed.do !== "delete") return;
    this.transcripts.delete(run);
    expect(await this.#store.disownRun(run.id, OWNER, EXPIRED)).toBe(true);
  }

  async #sweep(): Promise<void> {
    while ((await this.#store.sweep(NOW, 3)) > 0);
    for (const run of this.expiring) {
      // It goes with its time, or with the last that goes on from it.
      if ((await this.#store.findRun(run.id, OWNER)) !== undefined) continue;
      this.transcripts.delete(run);
      this.expiring.delete(run);
    }
  }

  async check(run: Run): Promise<void> {
    expect(await this.#store.findRun(run.id, OWNER), run.id).toMatchObject({ run });
    expect(transcriptOf(await this.#store.readTranscript(run.id))).toEqual(this.transcripts.get(run));
  }
}

/** The part of the store's contract about what is kept, and for how long. */
export function retentionContract(open: Open): void {
  describe("what is kept", () => {
    test("what is kept reads back whole, whatever is created, chained, deleted and swept; and what nobody keeps goes", async () => {
      await fc.assert(
        fc.asyncProperty(Deeds, async (deeds) => {
          const store = await open();
          const kept = new Kept(store);
          for (const deed of deeds) await kept.do(deed);
          for (const run of kept.transcripts.keys()) await kept.check(run);
          for (const run of kept.transcripts.keys()) await store.disownRun(run.id, OWNER, EXPIRED);
          while ((await store.sweep(NOW, 7)) > 0);
          for (const run of kept.transcripts.keys()) expect(await store.readTranscript(run.id)).toEqual([]);
        }),
        { numRuns: 30 },
      );
    });

    test("what is kept is not even looked at again by later sweeps, however much of it waits for what goes on from it", async () => {
      const store = await open();
      const runs = [aRun()];
      while (runs.length < 3_000) runs.push(following(runs.at(-1) as Run));
      await store.append(
        runs.map((run) =>
          writeOf(run, dialogue(run, "?", "!"), { expiresAt: run === runs.at(-1) ? NOW + 1 : EXPIRED }),
        ),
      );
      expect(await store.sweep(NOW, 500)).toBe(0);
      for (const left of [2_500, 2_000, 1_500, 1_000, 500, 0]) {
        expect(await store.sweep(NOW + 1, 500)).toBe(500);
        expect(await store.readTranscript(runs.at(left - 1)?.id ?? "run_")).toHaveLength(2 * left);
      }
      expect(await store.sweep(NOW + 1, 500)).toBe(0);
    });
  });
}
