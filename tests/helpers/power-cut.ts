import { fstatSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { SYSTEM_DISK } from "../../src/storage/sqlite/disk.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "./directory.ts";
import { aRun, dialogue, writeOf } from "./stored.ts";

/** What a disk writes at once: of what is longer, any part may be missing after a power cut. */
const SECTOR_BYTES = 4_096;
const NAMES = ["state.db", "state.db-wal"] as const;
type Name = (typeof NAMES)[number];

/** A disk whose power can be cut: what was not synced is there in part, by chance, sector by sector. */
class FragileDisk {
  readonly #directory: string;
  readonly #random: () => number;
  /** What no power cut takes away. */
  readonly #safe = new Map<Name, Buffer>();

  /** @param directory holds the database. */
  constructor(directory: string, random: () => number) {
    this.#directory = directory;
    this.#random = random;
  }

  /** All that was written so far is safe. */
  settle(): void {
    for (const name of NAMES) this.keep(name, this.written(name));
  }

  /** That content of a file is safe from now on. */
  keep(name: Name, content: Buffer): void {
    this.#safe.set(name, content);
  }

  nameOf(fd: number): Name {
    const { ino } = fstatSync(fd);
    const name = NAMES.find((each) => statSync(join(this.#directory, each)).ino === ino);
    if (name === undefined) throw new Error("another file is synced");
    return name;
  }

  written(name: Name): Buffer {
    return readFileSync(join(this.#directory, name));
  }

  /** Opens what is left when the power is cut now: the ids of its runs, or what is wrong with it. */
  async cut(): Promise<string[] | string> {
    const directory = await temporaryDirectory();
    for (const name of NAMES) writeFileSync(join(directory, name), this.#left(name));
    const db = new Database(join(directory, "state.db"));
    try {
      const found = String(db.pragma("integrity_check", { simple: true }));
      if (found !== "ok") return found;
      return db.prepare<[], string>("SELECT id FROM runs ORDER BY id").pluck().all();
    } catch (error) {
      return String(error);
    } finally {
      db.close();
    }
  }

  #left(name: Name): Buffer {
    const written = this.written(name);
    const safe = this.#safe.get(name) ?? written;
    const left = Buffer.alloc(this.#random() < 0.5 ? Math.max(safe.length, written.length) : written.length);
    safe.copy(left);
    const share = this.#random();
    for (let at = 0; at < written.length; at += SECTOR_BYTES)
      if (this.#random() < share) written.copy(left, at, at, at + SECTOR_BYTES);
    return left;
  }
}

const LOG_BYTES = 2 ** 18;

/** How the power is cut. */
export interface PowerCuts {
  sync: "normal" | "full";
  runs: number;
  random(): number;
}

/** Long enough that about ten runs fill the log. */
const TEXT = "Some words that take their place in the file. ".repeat(300);

/**
 * Stores runs one after the other on a disk whose power is cut after each, and before and within each sync. Tells what was
 * wrong with what was left: a database that is damaged, one that has a run and not all before it, or one without what the
 * disk was sure to have.
 */
export async function cutPower({
  sync,
  runs,
  random,
}: PowerCuts): Promise<{ cuts: number; failures: string[] }> {
  const directory = await temporaryDirectory();
  const fragile = new FragileDisk(directory, random);
  const told: string[] = [];
  const failures: string[] = [];
  let [cuts, sure] = [0, 0];
  const cut = async () => {
    cuts++;
    const acknowledged = [...told];
    const least = sync === "full" ? acknowledged.length : sure;
    const left = await fragile.cut();
    if (typeof left === "string") failures.push(`cut ${cuts}: ${left}`);
    else if (left.length < least) failures.push(`cut ${cuts}: ${left.length} runs are left of ${least}`);
    else if (acknowledged.slice(0, left.length).some((id, i) => left[i] !== id))
      failures.push(`cut ${cuts}: a run is missing, and later ones are not`);
  };
  const syncFile = async (fd: number) => {
    const name = fragile.nameOf(fd);
    await cut();
    const [written, acknowledged] = [fragile.written(name), told.length];
    await cut();
    fragile.keep(name, written);
    if (name === "state.db-wal") sure = acknowledged;
    await cut();
  };
  const file = join(directory, "state.db");
  const disk = { ...SYSTEM_DISK, sync: syncFile };
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync, disk, logBytes: LOG_BYTES });
  fragile.settle();
  for (let n = 0; n < runs; n++) {
    const run = aRun();
    await store.append([writeOf(run, dialogue(run, `question ${n}`, TEXT))]);
    told.push(run.id);
    await cut();
  }
  await store.close();
  return { cuts, failures };
}
