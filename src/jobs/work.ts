import { invalidRequest } from "../domain/error.ts";
import type { JobWork, WorkChanges } from "../domain/job.ts";
import { withoutNulls } from "../lib/json.ts";

/** A job's work after a change. @throws ApiError 400 when nothing is left to do. */
export function changedWork({ prompt, limits, ...rest }: JobWork, changes: WorkChanges): JobWork {
  const { prompt: said, limits: limited, ...parts } = changes;
  return checkedWork({
    ...withoutNulls({ ...rest, ...parts }),
    prompt: said === undefined ? prompt : (said ?? ""),
    limits: limited === null ? {} : withoutNulls({ ...limits, ...limited }),
  });
}

/** The work as it is. @throws ApiError 400 when there is nothing to do in it. */
export function checkedWork(work: JobWork): JobWork {
  const { prompt, skills, script, noAgent } = work;
  if (noAgent === true && script === undefined)
    throw invalidRequest("no_agent", "Without a model a job needs a 'script': what it prints is the result.");
  if (prompt.trim() === "" && skills === undefined && noAgent !== true)
    throw invalidRequest("prompt", "A job needs a 'prompt': what to do.");
  return work;
}
