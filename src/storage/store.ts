import type { AgentEvent } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Item } from "../domain/item.ts";
import type { Run, RunStatus, Surface } from "../domain/run.ts";
import type { Session } from "../domain/session.ts";
import type { Usage } from "../domain/usage.ts";

/** What is new of one run; all writes of one `append` become durable together. */
export interface RunWrite {
  run: Run;
  /** True in the run's first write: it creates the row and makes the run its session's latest, if it goes on from the latest so far. */
  created: boolean;
  status: RunStatus;
  /** In order of `seq`. */
  events: readonly AgentEvent[];
  /** No event with a larger `seq` was published before this write; after a crash numbering goes on above it. */
  reservedSeq: number;
  /** Epoch ms; set with the terminal event. */
  endedAt?: number;
  usage?: Usage;
  /** Epoch ms after which the run may be swept. */
  expiresAt?: number;
}

/** A run as it is stored. */
export interface StoredRun {
  run: Run;
  status: RunStatus;
  endedAt: number | undefined;
  usage: Usage | undefined;
  reservedSeq: number;
}

/** Which of an owner's runs to list. */
export interface RunQuery {
  owner: string;
  surface: Surface;
  order: "asc" | "desc";
  limit: number;
  /** The last run that the reader has. */
  after?: RunId | undefined;
}

/** Which stored events to read. */
export interface EventRange {
  /** Events with a larger `seq` only. */
  afterSeq: number;
  /** About how many at most; a batch that was written together is never split. */
  limit: number;
}

/**
 * What the server remembers. All methods do one whole intention each, and are atomic. Everything that belongs to
 * somebody is asked for by id and owner; a foreign id is as unknown as one that does not exist.
 *
 * @throws StorageError when the database cannot be read or written.
 */
export interface Store {
  /** Writes what happened; resolves when it is durable as far as `storage.sync` promises. */
  append(writes: readonly RunWrite[]): Promise<void>;
  /** A run by id and owner. */
  findRun(id: RunId, owner: string): Promise<StoredRun | undefined>;
  /** An owner's runs of one surface by age, from a cursor on. */
  listRuns(query: RunQuery): Promise<StoredRun[]>;
  /** Makes a run nobody's: it goes with the next sweep, or with the last run that goes on from it. False: there is none. */
  disownRun(id: RunId, owner: string, now: number): Promise<boolean>;
  /** A run's events in order of `seq`; fewer than exist when there are many, none when there are no more. */
  readEvents(id: RunId, range: EventRange): Promise<AgentEvent[]>;
  /**
   * The transcript that ends with a run: its ancestors' items and its own, oldest first, inputs before outputs.
   * Items for the model only (`internal`) are left out.
   */
  readTranscript(id: RunId): Promise<Item[]>;
  /** The items that a run made itself. */
  readOutput(id: RunId): Promise<Item[]>;
  /** A session by id and owner, `foreign` when it is somebody else's. */
  findSession(id: string, owner: string): Promise<Session | "foreign" | undefined>;
  /** Stores a new session. */
  createSession(session: Session): Promise<void>;
  /** Runs that a former process left unfinished. */
  unfinishedRuns(): Promise<StoredRun[]>;
  /** Removes at most `limit` runs that may go since `now` (epoch ms); tells how many it removed. */
  sweep(now: number, limit: number): Promise<number>;
  close(): Promise<void>;
}

/** A failure of the database itself. */
export class StorageError extends Error {
  /** `full`: no space. `busy`: another process has the file. `damaged`: not readable. `newer`: made by a later version. */
  readonly kind: "full" | "busy" | "damaged" | "newer" | "unavailable";

  constructor(kind: StorageError["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageError";
    this.kind = kind;
  }
}
