import { invalidRequest } from "../domain/error.ts";
import type { JobWork } from "../domain/job.ts";
import { checkSessionId } from "../sessions/session-id.ts";

/** @throws ApiError 400 for a toolset that is not there, and for a session that cannot be. */
export function checkWork({ toolsets, session }: Partial<JobWork>, known: ReadonlySet<string>): void {
  const unknown = toolsets?.find((name) => !known.has(name));
  if (unknown !== undefined) {
    const message = `There is no toolset ${JSON.stringify(unknown)}. There are: ${[...known].join(", ")}.`;
    throw invalidRequest("enabled_toolsets", message);
  }
  if (session !== undefined) checkSessionId(session, { param: "attach_to_session" });
}
