import { hash } from "node:crypto";
import { ApiError, invalidRequest } from "../../domain/error.ts";
import type { Job } from "../../domain/job.ts";
import { canonicalJson, isJsonObject } from "../../lib/json.ts";
import type { JobStore } from "../../storage/job-store.ts";
import type { WorkCheck } from "../check-work.ts";
import type { DraftTerms } from "../read-draft.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import { checkedWork } from "../work.ts";
import { catchRefusal, type Difference, type ReadRecord, type RecordDraft, readRecord } from "./record.ts";

/** What an import needs. */
interface ImportDeps {
  store: JobStore;
  scheduler: Scheduler;
  work: WorkCheck;
  terms: DraftTerms;
  /** Reads the fields of one record. @throws ApiError 400 with the field without which there is no job. */
  decode(record: unknown): RecordDraft;
}

/** The outcome of one record. */
interface ImportResult {
  index: number;
  id: string | null;
  name: string | null;
  result: "created" | "updated" | "unchanged" | "kept" | "refused";
  /** The job as it is now, or would be. */
  state: string | null;
  param: string | null;
  reason: string | null;
  /** What differs from hermes. */
  differences: Difference[];
}

/** How to import a file. */
interface ImportOptions {
  /** Only reports the outcome, changes nothing. */
  isDry: boolean;
  /** Also overwrites jobs that were changed, executed or created here since. */
  isForced: boolean;
}

/** Records read before other requests get a turn. */
const READ_AT_ONCE = 10;

const MAX_REASON_CHARS = 500;
/** How much of an invalid name is repeated. */
const MAX_NAME_CHARS = 200;

/**
 * Imports the jobs of hermes' jobs.json: exactly, or with every difference reported. Importing the same file again
 * changes nothing.
 */
export class JobImport {
  readonly #deps: ImportDeps;

  constructor(deps: ImportDeps) {
    this.#deps = deps;
  }

  /** Returns the outcome of each record; one that cannot be read does not affect the others. */
  async read(owner: string, records: readonly unknown[], options: ImportOptions): Promise<ImportResult[]> {
    const named = records.map(describeRecord);
    // The first place of each id.
    const places = new Map(named.map(({ id }, index) => [id, index] as const).reverse());
    const results: ImportResult[] = [];
    for (const [index, record] of records.entries()) {
      if (index % READ_AT_ONCE === 0) await new Promise(setImmediate);
      const { id, name } = named[index] ?? describeRecord(undefined);
      const isTwice = id !== null && places.get(id) !== index;
      const result = isTwice
        ? toRefusedRecord(invalidRequest("id", "Another job of this id came before it."))
        : await this.#readOne({ owner, record, others: places }, options).catch(toRefusedRecord);
      results.push({ index, id, name, ...result });
    }
    if (!options.isDry) void this.#deps.scheduler.tick();
    return results;
  }

  async #readOne(
    { owner, record, others }: { owner: string; record: unknown; others: ReadonlyMap<unknown, number> },
    { isDry, isForced }: ImportOptions,
  ): Promise<Outcome> {
    const { store, terms, decode } = this.#deps;
    const read = readRecord(decode(record), terms);
    await this.#checkWork(owner, read, others);
    const digest = hash("sha256", canonicalJson(record));
    const current = await store.findJob(read.job.id, owner);
    const differences = [...read.missing, ...read.lost];
    const outcome = { state: read.job.state, param: null, reason: null, differences };
    const verdict = decideImport(current, digest, isForced);
    if (verdict.result === "unchanged" || verdict.result === "kept")
      return { ...outcome, ...verdict, state: current?.state ?? null };
    const { job } = withReason(read);
    const revision = current === undefined ? 1 : current.revision + 1;
    const made: Job = { ...job, owner, imported: { digest, revision }, revision: current?.revision ?? 1 };
    if (!isDry && current === undefined) await store.createJob(made);
    else if (!isDry && (await store.changeJob({ job: made })) === undefined)
      return { ...outcome, ...CHANGED };
    return { ...outcome, ...verdict, state: job.state };
  }

  /** Reports what does not exist here: a skill, a script, a directory, another job, a model. */
  async #checkWork(owner: string, read: ReadRecord, others: ReadonlyMap<unknown, number>): Promise<void> {
    const { id, work } = read.job;
    const contextFrom = work.contextFrom?.filter((other) => !others.has(other)) ?? [];
    try {
      await this.#deps.work.check({ ...work, contextFrom }, { owner, id, work });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      read.missing.push(toDifference(error));
    }
    const idle = catchRefusal(() => checkedWork(work));
    if (idle !== undefined) read.missing.push(toDifference(idle));
  }
}

function toDifference({ failure, message }: ApiError): Difference {
  return { param: failure.param ?? "job", reason: message };
}

/** Returns how to name a record in the outcome, as far as it can be read. */
function describeRecord(record: unknown): Pick<ImportResult, "id" | "name"> {
  const { id, name } = isJsonObject(record) ? record : ({} as Record<string, unknown>);
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, MAX_NAME_CHARS) : null);
  return { id: text(id), name: text(name) };
}

type Outcome = Omit<ImportResult, "index" | "id" | "name">;

const CHANGED = { result: "kept", reason: "It was changed or done here since it was imported." } as const;
const OURS = { result: "kept", reason: "A job of this id was made here." } as const;

function decideImport(
  current: Job | undefined,
  digest: string,
  isForced: boolean,
): { result: ImportResult["result"]; reason?: string } {
  if (current === undefined) return { result: "created" };
  const { imported, revision } = current;
  const isUntouched = imported?.revision === revision;
  if (isUntouched && imported?.digest === digest) return { result: "unchanged" };
  if (isUntouched || isForced) return { result: "updated" };
  return imported === undefined ? OURS : CHANGED;
}

/** A job that cannot be executed as before stays paused until a person resumes it. */
function withReason({ job, missing }: ReadRecord): Pick<ReadRecord, "job"> {
  if (missing.length === 0 || job.state === "completed") return { job };
  const { nextAt: _at, nextOccurrence: _occurrence, ...rest } = job;
  const why = missing.map(({ reason }: Difference) => reason).join(" ");
  const reasons = [job.pausedReason, `Imported, and not yet as it was: ${why}`].filter(Boolean).join(" ");
  const pausedReason = reasons.slice(0, MAX_REASON_CHARS);
  return { job: { ...rest, state: "paused", pausedAt: job.pausedAt ?? job.updatedAt, pausedReason } };
}

function toRefusedRecord(error: unknown): Outcome {
  if (!(error instanceof ApiError)) throw error;
  const { param = null, message } = error.failure;
  return { result: "refused", state: null, param, reason: message, differences: [] };
}
