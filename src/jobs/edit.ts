import type { Job } from "../domain/job.ts";
import type { JobChange, JobStore } from "../storage/job-store.ts";

/** What becomes of a job; undefined leaves it as it is. */
type Edit = (job: Job) => JobChange | undefined;

/**
 * Changes a job as it is now: read again and tried again when somebody else changed it in between. Undefined: it is gone,
 * or was left as it is.
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
