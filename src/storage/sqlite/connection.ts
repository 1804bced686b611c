import { stat } from "node:fs/promises";
import { StorageError, type StoreHealth } from "../store.ts";
import { type Db, isOfDisk, storageError } from "./db.ts";
import { gone, type LogOptions, WriteAheadLog } from "./log.ts";
import { Space } from "./space.ts";

/** What a connection is made with. */
export interface ConnectionOptions extends LogOptions {
  /** Told when the store can keep what it is given no more, or again. */
  onHealth?(health: StoreHealth): void;
}

/** What to do with a write that does not fit: what makes room may take a little itself. */
type WriteKind = "adds" | "makes room";

/** Nobody writes until `over`, which also resolves when it takes too long. */
interface Hold {
  since: number;
  over: Promise<void>;
  giveUp(): void;
}

/** A disk that has not answered for so long is taken for one that will not, ms. */
const STUCK_MS = 10_000;

/** What makes room for one write is not done again for the next within this time, ms. */
const ROOM_EVERY_MS = 1_000;

/**
 * The one connection to a database. The driver is synchronous: what it does is done when it returns. Only writers wait
 * for the disk, and hold nobody up while they do: during a checkpoint, and with `sync: full` for their own sync.
 */
export class Connection {
  readonly db: Db;
  readonly #options: ConnectionOptions;
  readonly #space: Space;
  /** Undefined in memory. */
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

  /** Reads. @throws StorageError instead of the driver's exceptions. */
  async read<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    try {
      const result = work();
      return result instanceof Promise ? await result : result;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Writes, in one transaction; resolves when that is kept as promised. @throws StorageError. */
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

  /** Whether one may write at this moment without waiting. */
  get mayWrite(): boolean {
    return this.#hold === undefined;
  }

  /** Whether it can keep what it is given, as far as it knows. */
  get health(): StoreHealth {
    return this.#health;
  }

  /** Looks whether the file is where it was, and at the disk. Never rejects. */
  async look(): Promise<StoreHealth> {
    const hold = this.#hold;
    if (hold !== undefined && performance.now() - hold.since > STUCK_MS) {
      this.#tell({ state: "stuck", detail: `The disk of ${this.#options.file} does not answer.` });
      hold.giveUp();
    }
    // A disk that does not answer is asked once.
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
    return this.#health;
  }

  /** Copies the log into the database and closes it; nobody writes any more. */
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

  /** Something did not fit: it may when the log begins anew, or within the space of what was deleted. */
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

  /** Nobody writes until that is over. */
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

  /** Resolves when it is over. @throws StorageError when that takes too long. */
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
    // Where there is no space for all of it, there is a part.
    if (isToBeTaken) await this.#alone(() => this.#space.take()).catch(() => undefined);
    if (this.#health.state !== "full") return;
    const isQuiet = performance.now() - this.#refusedAt > ROOM_EVERY_MS;
    if (isShort ? this.#space.hasRoomInside : isQuiet) this.#tell({ state: "ok" });
  }

  /** What an exception means. What says that the store can keep nothing is told, once. */
  #failed(error: unknown): StorageError {
    const { file } = this.#options;
    const failure = storageError(error, file);
    const { kind, message: detail } = failure;
    if (kind === "full") this.#refusedAt = performance.now();
    if (kind !== "full" && kind !== "gone" && !isOfDisk(failure)) return failure;
    this.#tell({ state: kind === "full" || kind === "gone" ? kind : "failing", detail });
    return failure.told();
  }

  /** The disk took something. */
  #works(): void {
    if (this.#health.state === "failing" && !this.#isCheckpointFailing) this.#tell({ state: "ok" });
  }

  #tell(health: StoreHealth): void {
    if (health.state === this.#health.state) return;
    this.#health = health;
    this.#options.onHealth?.(health);
  }
}
