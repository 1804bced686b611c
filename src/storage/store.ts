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

/** What is new of one run; all writes of one `append` become durable together. */
export interface RunWrite {
  run: Run;
  /** True in the run's first write, which creates its row. */
  created: boolean;
  status: RunStatus;
  /**
   * In order of `seq`. `run.created` makes the run its session's latest, if it goes on from the latest so far, and
   * brings the run's final terms, which a row that was created without it did not know.
   */
  events: readonly AgentEvent[];
  /** No event with a larger `seq` was published before this write; after a crash numbering goes on above it. */
  reservedSeq: number;
  /** Epoch ms; set with the terminal event. */
  endedAt?: number;
  usage?: Usage;
  /** Epoch ms after which the run may be swept. */
  expiresAt?: number;
  /** What a later process needs to go on with the run; kept until the run ends. */
  plan?: Plan;
  /** With the run's first write: the idempotency key that stands for it from now on. */
  key?: KeyClaim;
}

/** What a background run was asked to do. */
export interface Plan {
  input: RunInput;
  /** How often a process began with it. */
  attempts: number;
}

/** A run that a former process left. */
export interface UnfinishedRun extends StoredRun {
  /** Undefined for one that is not gone on with. */
  plan: Plan | undefined;
}

/** Where an idempotency key means one thing. */
export interface KeyScope {
  owner: string;
  surface: Surface;
  key: string;
}

/** A key that a run is to have. */
export interface KeyClaim extends KeyScope {
  /** What was asked, as a hash. */
  fingerprint: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** What a key stands for. */
export interface KeyedRun {
  fingerprint: string;
  /** Epoch ms; a key also lasts as long as its run goes on. */
  expiresAt: number;
  /** Hidden runs, too. Undefined when it was deleted since. */
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
  /** The last run that the reader has. */
  after?: RunId | undefined;
  /** Only those. */
  status?: RunStatus | undefined;
  sessionId?: string | undefined;
  job?: string | undefined;
}

/** Which stored events to read. */
export interface EventRange {
  /** Events with a larger `seq` only. */
  afterSeq: number;
  /** About how many at most; up to some hundred that were written together are not split. */
  limit: number;
}

/** A way through all runs that looks for core prompts nobody needs. */
export interface PromptPass {
  /** Hashes of those that stay. */
  used: Set<string>;
  /** The last run that was looked at; "" at the beginning. */
  after: string;
  limit: number;
}

/** Whether a store can keep what it is given. */
export interface StoreHealth {
  /**
   * `full`: there is no space. `gone`: its file was removed or replaced, and nobody would find what is written. `failing`:
   * the disk answers with errors. `stuck`: it does not answer.
   */
  state: "ok" | "full" | "gone" | "failing" | "stuck";
  /** What is wrong, for whoever runs the server. */
  detail?: string;
}

/**
 * What the server remembers. All methods do one whole intention each, and are atomic. Everything that belongs to
 * somebody is asked for by id and owner; a foreign id is as unknown as one that does not exist.
 *
 * @throws StorageError when the database cannot be read or written.
 */
export interface Store {
  readonly sessions: SessionStore;
  readonly approvals: ApprovalStore;
  readonly jobs: JobStore;
  /** Writes what happened; resolves when it is durable as far as `storage.sync` promises. */
  append(writes: readonly RunWrite[]): Promise<void>;
  /** A run by id and owner; a hidden one is never found so. */
  findRun(id: RunId, owner: string): Promise<StoredRun | undefined>;
  /** The run that an idempotency key stands for; a key that expired may be swept at any time. */
  findKey(scope: KeyScope): Promise<KeyedRun | undefined>;
  /** An owner's runs of one surface by age, from a cursor on. */
  listRuns(query: RunQuery): Promise<StoredRun[]>;
  /** Makes a run nobody's: it goes with the next sweep, or with the last run that goes on from it. False: there is none. */
  disownRun(id: RunId, owner: string, now: number): Promise<boolean>;
  /** A run's events in order of `seq`; fewer than exist when there are many, none when there are no more. */
  readEvents(id: RunId, range: EventRange): Promise<AgentEvent[]>;
  /** All events of a run but its deltas, in order of `seq`. */
  readFacts(id: RunId): Promise<AgentEvent[]>;
  /**
   * The transcript that ends with a run: its ancestors' items and its own, oldest first, inputs before outputs.
   * Items for the model only (`internal`) are left out, and with `session` what is hidden there, and the results of
   * calls that are.
   */
  readTranscript(id: RunId, session?: string): Promise<Item[]>;
  /** The items that a run made itself. */
  readOutput(id: RunId): Promise<Item[]>;
  /** Runs that a former process left unfinished. */
  unfinishedRuns(): Promise<UnfinishedRun[]>;
  /** Keeps a core prompt under its hash. */
  keepPrompt(prompt: PromptSnapshot): Promise<void>;
  /** A core prompt by its hash. */
  findPrompt(hash: string): Promise<PromptSnapshot | undefined>;
  /** Removes at most `limit` runs and keys that may go since `now` (epoch ms); tells how many it removed. */
  sweep(now: number, limit: number): Promise<number>;
  /**
   * Makes few deltas of many in runs that ended before a time (epoch ms), some ms of work at a time: those of an item
   * that follow each other become one, `merged`, which says all of it where the last of them stood. False: none are left.
   */
  prune(endedBefore: number): Promise<boolean>;
  /**
   * Looks at some runs more for core prompts that are in use, and adds them to `used`; at the end of all runs removes
   * every other prompt. Gives the run to go on after, undefined at the end.
   */
  sweepPrompts(pass: PromptPass): Promise<RunId | undefined>;
  /**
   * Writes a copy of everything, as it is at the end, to a new file that only this user may read; others are served
   * meanwhile. When it fails, what it wrote is left.
   */
  copyTo(file: string): Promise<void>;
  /** Whether it can keep what it is given, as far as it knows. */
  readonly health: StoreHealth;
  /** Looks whether it can, and does what helps; for once a second. Never rejects. */
  look(): Promise<StoreHealth>;
  close(): Promise<void>;
}

/** A failure of the database itself; clients are told that there was one, and no more. */
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

  /** The same, of which the log knows. */
  told(): StorageError {
    return new StorageError(this.kind, this.message, { cause: this.cause, isTold: true });
  }
}
