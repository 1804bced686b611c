import { ApiError, storageFailed } from "../domain/error.ts";
import type { AgentEvent } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Item } from "../domain/item.ts";
import type { Run, RunInput, RunStatus, Surface } from "../domain/run.ts";
import type { PromptSnapshot } from "../domain/session.ts";
import type { Usage } from "../domain/usage.ts";
import type { ApprovalStore } from "./approval-store.ts";
import type { JobStore } from "./job-store.ts";
import type { SessionStore } from "./session-store.ts";

/** What is new in one run. All writes of one `append` become durable together. */
export interface RunWrite {
  run: Run;
  /** True for the run's first write, which creates its row. */
  created: boolean;
  status: RunStatus;
  /**
   * In order of `seq`. The event `run.created` makes the run its session's head if it continues the present head, and
   * updates the run's terms in a row that was created before them.
   */
  events: readonly AgentEvent[];
  /** No event with a larger `seq` was published before this write; after a crash, numbering continues above it. */
  reservedSeq: number;
  /** Epoch ms; set together with the terminal event. */
  endedAt?: number;
  usage?: Usage;
  /** Epoch ms after which the run may be removed. */
  expiresAt?: number;
  /** What a later process needs to resume the run; kept until the run ends. */
  plan?: Plan;
  /** The idempotency key that stands for the run from its first write on. */
  key?: KeyClaim;
}

/** The request of a background run. */
export interface Plan {
  input: RunInput;
  /** How many processes have started the run. */
  attempts: number;
}

/** A run that a former process left unfinished. */
export interface UnfinishedRun extends StoredRun {
  /** Undefined for a run that cannot be resumed. */
  plan: Plan | undefined;
}

/** The scope in which an idempotency key is unique. */
export interface KeyScope {
  owner: string;
  surface: Surface;
  key: string;
}

/** An idempotency key to store. */
export interface KeyClaim extends KeyScope {
  /** A hash of the request. */
  fingerprint: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** The run that an idempotency key stands for. */
export interface KeyedRun {
  fingerprint: string;
  /** Epoch ms; a key also lasts as long as its run is going on. */
  expiresAt: number;
  /** The run, even a hidden one; undefined if it was deleted. */
  stored: StoredRun | undefined;
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
  /** The cursor: the last run that the reader has. */
  after?: RunId | undefined;
  /** Only runs with this status. */
  status?: RunStatus | undefined;
  sessionId?: string | undefined;
  job?: string | undefined;
}

/** Which stored events to read. */
export interface EventRange {
  /** Only events with a larger `seq`. */
  afterSeq: number;
  /** About how many events to return; events of one commit (at most 128) are not split. */
  limit: number;
}

/** The state of a pass over all runs that looks for unused core prompts. */
export interface PromptPass {
  /** Hashes of the prompts that are in use. */
  used: Set<string>;
  /** The last run that was looked at; "" at the start. */
  after: string;
  limit: number;
}

/** Whether a store can accept writes. */
export interface StoreHealth {
  /**
   * `full`: there is no space. `gone`: the database file was removed or replaced, so writes would be lost. `failing`:
   * the disk returns errors. `stuck`: the disk does not answer.
   */
  state: "ok" | "full" | "gone" | "failing" | "stuck";
  /** The reason, for the operator. */
  detail?: string;
}

/**
 * What the server remembers. Each method is one whole intention, and atomic. Everything is looked up by id and owner;
 * the id of somebody else is treated as one that does not exist.
 * @throws StorageError when the database cannot be read or written.
 */
export interface Store {
  readonly sessions: SessionStore;
  readonly approvals: ApprovalStore;
  readonly jobs: JobStore;
  /** Writes events; resolves when they are durable as `storage.sync` promises. */
  append(writes: readonly RunWrite[]): Promise<void>;
  /** Returns a run; hidden runs are never found this way. */
  findRun(id: RunId, owner: string): Promise<StoredRun | undefined>;
  /** Returns the run that an idempotency key stands for; an expired key may be removed at any time. */
  findKey(scope: KeyScope): Promise<KeyedRun | undefined>;
  /** Lists an owner's runs of one surface by age, starting after a cursor. */
  listRuns(query: RunQuery): Promise<StoredRun[]>;
  /**
   * Takes a run from its owner; it is removed as soon as no other run continues it. Returns false if there is no such
   * run.
   */
  disownRun(id: RunId, owner: string, now: number): Promise<boolean>;
  /** Returns a run's events in order of `seq`: a part of them if there are many, none if there are no more. */
  readEvents(id: RunId, range: EventRange): Promise<AgentEvent[]>;
  /** Returns all events of a run except deltas, in order of `seq`. */
  readFacts(id: RunId): Promise<AgentEvent[]>;
  /**
   * Returns the transcript that ends with a run: the items of the runs that it continues and its own, oldest first,
   * inputs before outputs. Items for the model only (`internal`) are left out; with `session`, also the items that
   * are hidden there and the results of hidden calls.
   */
  readTranscript(id: RunId, session?: string): Promise<Item[]>;
  /** Returns the items that a run produced itself. */
  readOutput(id: RunId): Promise<Item[]>;
  /** Returns the runs that a former process left unfinished. */
  unfinishedRuns(): Promise<UnfinishedRun[]>;
  /** Stores a core prompt under its hash. */
  keepPrompt(prompt: PromptSnapshot): Promise<void>;
  /** Returns a core prompt by its hash. */
  findPrompt(hash: string): Promise<PromptSnapshot | undefined>;
  /** Removes at most `limit` expired runs, keys and approval requests (`now` is epoch ms); returns how many. */
  sweep(now: number, limit: number): Promise<number>;
  /**
   * Merges deltas of runs that ended before a time (epoch ms), for some ms: consecutive deltas of an item become one
   * `merged` delta that keeps the last number. Returns false when none are left.
   */
  prune(endedBefore: number): Promise<boolean>;
  /**
   * Looks at some more runs for core prompts in use and adds them to `used`; after the last run, removes all other
   * prompts. Returns the run to continue after, or undefined at the end.
   */
  sweepPrompts(pass: PromptPass): Promise<RunId | undefined>;
  /**
   * Copies the whole database, as it is at the end of the copy, to a new file that only this user may read, while
   * requests are served. If it fails, a partial file stays.
   */
  copyTo(file: string): Promise<void>;
  /** Whether the store accepts writes, as far as it knows. */
  readonly health: StoreHealth;
  /**
   * Checks the file and the disk, and frees reserved space where that helps; meant for once a second. Never rejects.
   */
  look(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** A failure of the database itself. Clients learn only that it failed. */
export class StorageError extends ApiError {
  /**
   * `full`: no space. `busy`: another process has the file. `damaged`: not readable. `newer`: made by a later version.
   * `gone`: the file was removed or replaced.
   */
  readonly kind: "full" | "busy" | "damaged" | "newer" | "gone" | "unavailable";

  constructor(
    kind: StorageError["kind"],
    message: string,
    { isTold = false, ...options }: ErrorOptions & { isTold?: boolean } = {},
  ) {
    super(storageFailed(kind === "full"), { isTold });
    this.message = message;
    this.cause = options.cause;
    this.name = "StorageError";
    this.kind = kind;
  }

  /** Returns the same error, marked as already logged. */
  told(): StorageError {
    return new StorageError(this.kind, this.message, { cause: this.cause, isTold: true });
  }
}
