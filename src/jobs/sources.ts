import { type Fire, isSilent, type Job } from "../domain/job.ts";
import type { Skills } from "../skills/skills.ts";
import type { JobStore } from "../storage/job-store.ts";
import type { PromptParts } from "./prompt.ts";

/** Where the parts of a prompt come from. */
export interface Sources {
  skills: Skills;
  store: JobStore;
}

/** Fires of another job that are looked through for its latest result. */
const LOOKED_AT = 20;

/** What a fire is done with, as it is now. What is not there any more is said in the notes; the fire goes on without it. */
export async function partsOf(
  { skills, store }: Sources,
  { work, owner }: Job,
  fire: Fire,
): Promise<PromptParts> {
  const parts: PromptParts = { skills: [], data: [], notes: [], prompt: fire.prompt ?? work.prompt };
  const names = work.skills ?? [];
  for (const [at, skill] of (await skills.readAll(names)).entries()) {
    const name = names[at];
    if (skill === undefined) parts.notes.push(`The skill ${JSON.stringify(name)} is not there.`);
    else parts.skills.push(skill);
  }
  for (const id of work.contextFrom ?? []) {
    const job = await store.findJob(id, owner);
    if (job === undefined) parts.notes.push(`The job ${id}, whose result was to be read, is not there.`);
    else parts.data.push(...(await resultOf(store, job)));
  }
  return parts;
}

/** The latest result of a job; none where it says that nobody needs to hear of it. */
async function resultOf(store: JobStore, { id, owner, name }: Job): Promise<PromptParts["data"]> {
  const query = { jobId: id, owner, order: "desc", limit: LOOKED_AT, status: "completed" } as const;
  const fires = await store.listFires(query);
  const found = fires.find(({ output }) => output !== undefined);
  const { output: text = "", endedAt = 0 } = found ?? {};
  if (text === "" || isSilent(text)) return [];
  const at = new Date(endedAt).toISOString();
  return [{ label: `The latest result of the job ${JSON.stringify(name)} (${at})`, text }];
}
