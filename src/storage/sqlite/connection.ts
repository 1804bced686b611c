import { stat } from "node:fs/promises";
import { StorageError, type StoreHealth } from "../store.ts";
import { type Db, isOfDisk, storageError } from "./db.ts";
import { gone, type LogOptions, WriteAheadLog } from "./log.ts";
import { Space } from "./space.ts";

/** Options of a connection. */
export interface ConnectionOptions extends LogOptions {
  /** Called when the store stops or resumes accepting writes. */
  onHealth?(health: StoreHealth): void;
}

/** Whether a write adds data or frees space; the latter may grow a full database by a few pages. */
type WriteKind = "adds" | "makes room";

/** A time in which nobody writes; `over` also resolves when it takes too long. */
interface Hold {
  since: number;
  over: Promise<void>;
  giveUp(): void;
}

/** After this time without an answer, a disk counts as stuck, ms. */
const STUCK_MS = 10_000;

/** Shortest time between two attempts to free space, ms. */
const ROOM_EVERY_MS = 1_000;

/**
 * The only connection to a database. The driver is synchronous. Only writers wait for the disk, during a checkpoint
 * and, with `sync: full`, for their own sync; readers never wait.
 */
export class Connection {
  readonly db: Db;
  readonly #options: ConnectionOptions;
  readonly #space: Space;
  /** Undefined for a database in memory. */
  readonly #log: WriteAheadLog | undefined;
  #hold: Hold | undefined;
  #health: StoreHealth = { state: "ok" };
  #isCheckpointFailing = false;
  #refusedAt = 0;
  #roomAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(db: Db, options: ConnectionOptions) {
    this.db = db;
    this.#options = options;
    this.#space = new Space(db, options);
    this.#log = db.memory ? undefined : new WriteAheadLog(db, this.#space, options);
  }

  /** Runs a read. @throws StorageError instead of the driver's exceptions. */
  async read<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    try {
      const result = work();
      return result instanceof Promise ? await result : result;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Runs a write in one transaction; resolves when it is as durable as promised. @throws StorageError. */
  async write<Result>(work: () => Result, kind: WriteKind = "adds"): Promise<Result> {
    while (this.#hold !== undefined) await this.#free(this.#hold);
    if (this.#health.state === "gone") throw this.#failed(gone(this.#options.file));
    try {
      const result = this.#commit(work);
      return result instanceof Promise ? await result : result;
    } catch (error) {
      const failure = storageError(error, this.#options.file);
      if (failure.kind !== "full" || this.#log === undefined) throw this.#failed(failure);
      return this.#squeeze(work, kind);
    }
  }

  /** Whether a write would start at once. */
  get mayWrite(): boolean {
    return this.#hold === undefined;
  }

  /** Whether the store accepts writes, as far as it knows. */
  get health(): StoreHealth {
    return this.#health;
  }

  /** Checks that the file is still in its place, and the disk. Never rejects. */
  async look(): Promise<StoreHealth> {
    const hold = this.#hold;
    if (hold !== undefined && performance.now() - hold.since > STUCK_MS) {
      this.#tell({ state: "stuck", detail: `The disk of ${this.#options.file} does not answer.` });
      hold.giveUp();
    }
    // A disk that does not answer is not asked again.
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    return this.#health;
  }

  /** Copies the log into the database and closes it; later writes fail. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes the files of a database that cannot be used. */
  closeAsIs(): void {
    if (this.#log === undefined) this.db.close();
    else this.#log.closeAsIs();
  }

  async #close(): Promise<void> {
    while (this.#hold !== undefined) await this.#free(this.#hold);
    if (this.#log === undefined) this.db.close();
    else await this.#alone(() => this.#log?.close());
  }

  #commit<Result>(work: () => Result): Result | Promise<Result> {
    const result = work();
    const kept = this.#log?.committed();
    if (this.#log?.isDue) void this.#checkpoint(this.#log);
    if (kept === undefined) {
      if (this.#health.state === "failing") this.#works();
      return result;
    }
    return kept.then(() => {
      this.#works();
      return result;
    });
  }

  /** Retries a write that did not fit, after a checkpoint or within the space of deleted rows. */
  async #squeeze<Result>(work: () => Result, kind: WriteKind): Promise<Result> {
    try {
      await this.#makeRoom();
      return await this.#commit(work);
    } catch (error) {
      const failure = storageError(error, this.#options.file);
      if (failure.kind !== "full" || kind === "adds" || !this.#space.isShort) throw this.#failed(failure);
    }
    try {
      return await this.#commit(() => this.#space.withMargin(work));
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #makeRoom(): Promise<void> {
    if (
      this.#hold === undefined &&
      performance.now() - this.#roomAt > ROOM_EVERY_MS &&
      this.#log !== undefined
    ) {
      this.#roomAt = performance.now();
      await this.#checkpoint(this.#log);
    }
    while (this.#hold !== undefined) await this.#free(this.#hold);
  }

  async #checkpoint(log: WriteAheadLog): Promise<void> {
    try {
      await this.#alone(() => log.checkpoint());
      this.#isCheckpointFailing = false;
      this.#works();
    } catch (error) {
      this.#isCheckpointFailing = true;
      const { kind, message: detail } = storageError(error, this.#options.file);
      this.#tell({ state: kind === "full" ? "full" : "failing", detail });
    }
    await this.#space.look().catch(() => undefined);
  }

  /** Keeps writers out until the work is done. */
  async #alone(work: () => Promise<void> | undefined): Promise<void> {
    const { promise: over, resolve: giveUp } = Promise.withResolvers<void>();
    this.#hold = { since: performance.now(), over, giveUp };
    try {
      await work();
    } finally {
      this.#hold = undefined;
      giveUp();
    }
  }

  /** Resolves when writers may go on. @throws StorageError when that takes too long. */
  async #free({ over }: Hold): Promise<void> {
    const { state, detail = "" } = this.#health;
    if (state === "stuck") throw new StorageError("unavailable", detail, { isTold: true });
    await over;
  }

  async #look(): Promise<void> {
    const { file } = this.#options;
    if (this.#log === undefined || this.#closed !== undefined) return;
    const found = await stat(file).catch(() => undefined);
    if (this.#closed !== undefined) return;
    if (found === undefined || !this.#log.isAt(found)) {
      const detail = gone(file).message;
      this.#tell({ state: "gone", detail });
      return;
    }
    const { state } = this.#health;
    if (state === "gone" || (state === "stuck" && this.#hold === undefined)) this.#tell({ state: "ok" });
    await this.#space.look().catch(() => undefined);
    await this.#lookAtSpace();
  }

  async #lookAtSpace(): Promise<void> {
    const { isShort, isToBeTaken } = this.#space;
    if (this.#closed !== undefined || this.#hold !== undefined) return;
    // When the whole reserve does not fit, a smaller one may.
    if (isToBeTaken) await this.#alone(() => this.#space.take()).catch(() => undefined);
    if (this.#health.state !== "full") return;
    const isQuiet = performance.now() - this.#refusedAt > ROOM_EVERY_MS;
    if (isShort ? this.#space.hasRoomInside : isQuiet) this.#tell({ state: "ok" });
  }

  /** Translates an exception; a change of the store's health is reported once. */
  #failed(error: unknown): StorageError {
    const { file } = this.#options;
    const failure = storageError(error, file);
    const { kind, message: detail } = failure;
    if (kind === "full") this.#refusedAt = performance.now();
    if (kind !== "full" && kind !== "gone" && !isOfDisk(failure)) return failure;
    this.#tell({ state: kind === "full" || kind === "gone" ? kind : "failing", detail });
    return failure.told();
  }

  /** Called when the disk has accepted a write. */
  #works(): void {
    if (this.#health.state === "failing" && !this.#isCheckpointFailing) this.#tell({ state: "ok" });
  }

  #tell(health: StoreHealth): void {
    if (health.state === this.#health.state) return;
    this.#health = health;
    this.#options.onHealth?.(health);
  }
}
