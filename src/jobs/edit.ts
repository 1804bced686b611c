import type { Job } from "../domain/job.ts";
import type { JobChange, JobStore } from "../storage/job-store.ts";

/** Returns the changed job, or undefined to leave it as it is. */
type Edit = (job: Job) => JobChange | undefined;

/**
 * Changes the current version of a job: if somebody else changes it meanwhile, reads it and tries again. Returns
 * undefined if the job was deleted or left as it is.
 */
export async function editJob(
  store: JobStore,
  { id, owner }: Pick<Job, "id" | "owner">,
  edit: Edit,
): Promise<Job | undefined> {
  for (;;) {
    const job = await store.findJob(id, owner);
    const change = job && edit(job);
    if (change === undefined) return undefined;
    const changed = await store.changeJob(change);
    if (changed !== undefined) return changed;
  }
}
