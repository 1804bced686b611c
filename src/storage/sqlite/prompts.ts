import type { RunId } from "../../domain/id.ts";
import type { PromptSnapshot } from "../../domain/session.ts";
import { type PromptPass, StorageError } from "../store.ts";
import type { Db } from "./db.ts";

const MAX_KNOWN = 16;

/** Core prompts by their hashes. */
export class PromptTable {
  readonly #keep;
  readonly #find;
  readonly #named;
  readonly #free;
  readonly #drop;
  /** By hash, the one that came first. */
  readonly #known = new Map<string, PromptSnapshot>();

  constructor(db: Db) {
    this.#keep = db.prepare<[string, string]>(
      "INSERT INTO prompts (hash, text) VALUES (?, ?) ON CONFLICT DO NOTHING",
    );
    this.#find = db.prepare<[string], PromptSnapshot>("SELECT hash, text FROM prompts WHERE hash = ?");
    this.#named = db.prepare<[string, number], { id: RunId; prompt: string | null }>(
      "SELECT id, data ->> '$.prompt' AS prompt FROM runs WHERE id > ? ORDER BY id LIMIT ?",
    );
    this.#free = db
      .prepare<[], string>(
        "SELECT hash FROM prompts WHERE hash > '' AND NOT EXISTS (SELECT 1 FROM sessions WHERE prompt = hash)",
      )
      .pluck();
    this.#drop = db.prepare<[string]>("DELETE FROM prompts WHERE hash = ?");
  }

  keep({ hash, text }: PromptSnapshot): void {
    this.#keep.run(hash, text);
  }

  find(hash: string): PromptSnapshot | undefined {
    return this.#find.get(hash);
  }

  /** The prompt that a session names; those in use are few, and are read once. */
  snapshot(hash: string): PromptSnapshot {
    const known = this.#known.get(hash) ?? this.find(hash);
    if (known === undefined)
      throw new StorageError("damaged", `The core prompt ${hash} of a session is missing.`);
    this.#known.set(hash, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }

  /** Looks at some runs more; at the end of all drops the prompts that neither they nor sessions name. */
  sweep({ used, after, limit }: PromptPass): RunId | undefined {
    const runs = this.#named.all(after, limit);
    for (const { prompt } of runs) if (prompt !== null) used.add(prompt);
    if (runs.length === limit) return runs.at(-1)?.id;
    for (const hash of this.#free.all()) if (!used.has(hash)) this.#drop.run(hash);
    return undefined;
  }
}
