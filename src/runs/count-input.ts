import { assembleContext } from "../context/assemble.ts";
import { estimateTokens } from "../context/estimate.ts";
import { firstRequest } from "../context/model-request.ts";
import type { RunInput } from "../domain/run.ts";
import type { RunDeps } from "./deps.ts";
import { resolveRequest } from "./prepare.ts";

/**
 * Estimates how many tokens the first model call of a run would be: core prompt, instructions, transcript, tools, images.
 * @throws ApiError as `prepareRun`, and when the client's calls do not fit its session.
 */
export async function countInput(deps: RunDeps, asked: RunInput): Promise<number> {
  // A background run reads its history when its turn comes; here it is read now.
  const { request, session } = await resolveRequest(deps, { ...asked, background: false });
  const context = await assembleContext(request, session, deps);
  return estimateTokens(firstRequest(context, deps.limits.contextTokens));
}
