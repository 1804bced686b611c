import { modelRequest, repairTranscript, stepTools } from "../agent/context.ts";
import { estimateTokens } from "../agent/estimate.ts";
import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { RunInput } from "../domain/run.ts";
import type { RunDeps } from "./deps.ts";
import { shortened } from "./history.ts";
import { checkPrevious, readHistory, resolveTarget } from "./prepare.ts";
import { isReadable } from "./session-items.ts";

/**
 * About how many tokens the first model call of a run would be: core prompt, instructions, transcript, tools, images.
 * @throws ApiError as `prepareRun`.
 */
export async function countInput(deps: RunDeps, input: RunInput): Promise<number> {
  const target = await resolveTarget(deps, input);
  const { stored, added, prompt } = await contextOf(deps, input);
  const items = repairTranscript([...shortened(stored, deps.historyOutputChars), ...added]);
  const plain = target.mode === "plain";
  const core = plain ? "" : (prompt ?? (await deps.prompts.current()).text);
  const own = plain || input.toolChoice.mode === "none" ? [] : deps.tools.offered(input.attended === true);
  const instructions = [input.instructions, deps.ephemeralPrompt].filter((text) => text !== undefined);
  const asked = { ...input, instructions: instructions.join("\n\n") };
  const basis = { input: asked, model: target.model, core, stream: false };
  return estimateTokens(modelRequest(basis, items, stepTools(input, own, 1)));
}

interface Context {
  stored: readonly Item[];
  added: readonly ItemBody[];
  /** The core prompt that it began with; undefined for the current one. */
  prompt: string | undefined;
}

/** What a run would go on from, as it is now. */
async function contextOf(deps: RunDeps, input: RunInput): Promise<Context> {
  const { previous, owner, sessionId } = input;
  if (sessionId !== undefined) {
    await deps.sessions.check(sessionId, owner);
    const session = await deps.sessions.find(sessionId, owner);
    const head = session?.headRun as RunId | undefined;
    const stored = head === undefined ? [] : await deps.store.readTranscript(head, sessionId);
    return { stored: stored.filter(isReadable), added: input.items, prompt: session?.prompt.text };
  }
  const hash = previous === undefined ? undefined : (await checkPrevious(deps, previous, owner)).prompt;
  // A background run reads its history when its turn comes; here it is wanted now.
  const { stored = [], added } = await readHistory(deps, { ...input, background: false });
  // Nothing goes on from a count: the current prompt need not be kept for it.
  return { stored, added, prompt: hash === undefined ? undefined : (await deps.prompts.keep(hash)).text };
}
