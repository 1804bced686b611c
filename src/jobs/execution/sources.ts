import { type Fire, isSilent, type Job } from "../../domain/job.ts";
import type { Reader } from "../../files/reader.ts";
import { Unreadable } from "../../files/unreadable.ts";
import type { Skills } from "../../skills/skills.ts";
import type { JobStore } from "../../storage/job-store.ts";
import type { PromptParts } from "./prompt.ts";

/** Where the parts of a prompt come from. */
export interface Sources {
  skills: Skills;
  /** Reads the workspace. */
  reader: Reader;
  store: JobStore;
  /** Returns the real path of a job's directory. @throws ApiError 400 when it does not exist. */
  directoryOf(work: Pick<Job["work"], "workdir">): string;
}

/** More bytes than any useful rules have. */
const MAX_RULES_BYTES = 2 ** 20;

/** How many fires of another job are searched for its latest result. */
const LOOKED_AT = 20;

/** Collects the current parts of a fire's prompt. Missing ones are noted, and the fire is executed without them. */
export async function gatherParts(sources: Sources, { work, owner }: Job, fire: Fire): Promise<PromptParts> {
  const { workdir, skills = [], contextFrom = [] } = work;
  const parts: PromptParts = { skills: [], data: [], notes: [], prompt: fire.prompt ?? work.prompt };
  if (workdir !== undefined) await addRules(parts, sources.reader, sources.directoryOf(work));
  for (const [at, skill] of (await sources.skills.readAll(skills)).entries()) {
    if (skill === undefined) parts.notes.push(`The skill ${JSON.stringify(skills[at])} is not there.`);
    else parts.skills.push(skill);
  }
  for (const id of contextFrom) {
    const job = await sources.store.findJob(id, owner);
    if (job === undefined) parts.notes.push(`The job ${id}, whose result was to be read, is not there.`);
    else parts.data.push(...(await readLatestResult(sources.store, job)));
  }
  return parts;
}

/** Adds the AGENTS.md of a directory if it lies in it; the workspace's own is part of the core prompt. */
async function addRules(parts: PromptParts, reader: Reader, directory: string): Promise<void> {
  try {
    const text = await reader.text({ within: directory, name: "AGENTS.md" }, MAX_RULES_BYTES);
    const rules = text?.trim() ?? "";
    if (rules !== "") parts.rules = rules;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    parts.notes.push(`The AGENTS.md of its directory was left out: ${error.message}.`);
  }
}

/** Returns the latest result of a job; none if it says that nobody needs to read it. */
async function readLatestResult(store: JobStore, { id, owner, name }: Job): Promise<PromptParts["data"]> {
  const query = { jobId: id, owner, order: "desc", limit: LOOKED_AT, status: "completed" } as const;
  const fires = await store.listFires(query);
  const found = fires.find(({ output }) => output !== undefined);
  const { output: text = "", endedAt = 0 } = found ?? {};
  if (text === "" || isSilent(text)) return [];
  const at = new Date(endedAt).toISOString();
  return [{ label: `The latest result of the job ${JSON.stringify(name)} (${at})`, text }];
}
