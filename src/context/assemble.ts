import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { RunInput } from "../domain/run.ts";
import type { PromptSnapshot, Session } from "../domain/session.ts";
import type { Target } from "../providers/resolve.ts";
import type { Store } from "../storage/store.ts";
import { NO_TOOLS, type ToolRegistry } from "../tools/registry.ts";
import { checkClientCalls, isCut } from "./client-calls.ts";
import { isReadable, newItems } from "./new-items.ts";
import type { Prompts } from "./prompt-cache.ts";
import { repairTranscript } from "./repair.ts";
import { shortenOutputs } from "./shorten.ts";

/** A resolved request; its context is assembled when its turn comes. */
export interface ContextRequest {
  /** The decoded request, with the model lock of its session applied. */
  input: RunInput;
  target: Target;
  /** The server's tools that the request may use, in its directory. */
  tools: ToolRegistry;
  /** The run that the history ends with; in a session, the session's head takes precedence. */
  previous: RunId | undefined;
  /**
   * The readable transcript up to `previous`; if undefined, it is read when the context is assembled, because a run
   * may wait for long.
   */
  stored?: readonly Item[] | undefined;
  /** The client's items, with the server's own calls between them restored. */
  added: readonly ItemBody[];
  /** The core prompt of the chain; undefined for the current one. */
  prompt: PromptSnapshot | undefined;
  /** True when a former process started the run: its items are stored, and its history ends before them. */
  isBegun?: boolean;
}

/** Everything that the run's model reads first. */
export interface Context {
  input: RunInput;
  target: Target;
  /** The server's tools that the run may use; none for a plain run. */
  tools: ToolRegistry;
  /** The frozen core prompt; "" for a plain run. */
  core: string;
  /** What the core prompt had to leave out, as sentences. */
  leftOut: readonly string[];
  /** The instructions of the session, the request and the server; the second block after the core prompt. */
  instructions: string | undefined;
  /** The run that the history ends with. */
  previous: RunId | undefined;
  /** What the request adds to its history. */
  added: readonly ItemBody[];
  /** The whole transcript including the request's items, in a form that every provider accepts. */
  items: readonly ItemBody[];
}

/** What contexts are assembled from. */
interface ContextDeps {
  store: Pick<Store, "readTranscript" | "findRun">;
  prompts: Prompts;
  /** Longest tool output in the history of a later run, characters; 0 for no limit. */
  historyOutputChars: number;
  /** Text after every request's own instructions. */
  ephemeralPrompt: string | undefined;
}

/** A transcript between two stages. */
interface Draft {
  request: ContextRequest;
  /** The session as it is now; undefined without one or if the run will create it. */
  session: Session | undefined;
  previous: RunId | undefined;
  stored: readonly Item[];
  added: readonly ItemBody[];
  items: readonly ItemBody[];
}

/** A stage; it has no effects and may read from the store. @throws ApiError 400 */
type ContextStage = (draft: Draft, deps: ContextDeps) => Draft | Promise<Draft>;

/** In order. Compression or recall of the past will be further stages. */
const STAGES: readonly ContextStage[] = [readStored, takeNewItems, checkCalls, shorten, repair];

/**
 * Assembles what a run's model reads first. Starting a run, resuming it and counting its tokens use this function, so
 * what is counted is what is sent.
 * @throws ApiError 400 when the client's calls and results do not fit its session.
 */
export async function assembleContext(
  request: ContextRequest,
  session: Session | undefined,
  deps: ContextDeps,
): Promise<Context> {
  const { input, target, tools, added } = request;
  let draft: Draft = { request, session, previous: request.previous, stored: [], added, items: [] };
  for (const stage of STAGES) {
    const next = stage(draft, deps);
    draft = next instanceof Promise ? await next : next;
  }
  const isPlain = target.mode === "plain";
  const prompt = isPlain ? undefined : (session?.prompt ?? request.prompt ?? (await deps.prompts.current()));
  const texts = [session?.instructions, input.instructions, deps.ephemeralPrompt];
  const instructions = texts.filter((text) => text !== undefined);
  return {
    input,
    target,
    tools: isPlain || input.toolChoice.mode === "none" ? NO_TOOLS : tools,
    core: prompt?.text ?? "",
    leftOut: prompt === undefined ? [] : deps.prompts.leftOut(prompt.hash),
    instructions: instructions.length === 0 ? undefined : instructions.join("\n\n"),
    previous: draft.previous,
    added: draft.added,
    items: draft.items,
  };
}

function readStored(draft: Draft, { store }: ContextDeps): Draft | Promise<Draft> {
  const { request, session } = draft;
  const head = request.isBegun === true ? undefined : (session?.headRun as RunId | undefined);
  const previous = head ?? request.previous;
  if (previous === undefined) return draft;
  if (request.stored !== undefined) return { ...draft, previous, stored: request.stored };
  const read = store.readTranscript(previous, session?.id);
  return read.then((stored) => ({ ...draft, previous, stored: stored.filter(isReadable) }));
}

/** A client may send its session's whole history again. */
function takeNewItems(draft: Draft): Draft {
  const { request, session, added, stored } = draft;
  const isKnown = session === undefined || request.isBegun === true || request.input.newOnly === true;
  return isKnown ? draft : { ...draft, added: newItems(added, stored) };
}

/** Without a session, calls are checked at admission; the session's transcript is known only now. */
function checkCalls(draft: Draft, { store }: ContextDeps): Draft | Promise<Draft> {
  const { request, session, stored, added } = draft;
  if (session === undefined || request.isBegun === true) return draft;
  const { policy, owner } = request.input;
  const check = { param: policy.inputField, isCut: (run: RunId) => isCut(store, run, owner) };
  return checkClientCalls([...stored, ...added], check).then(() => draft);
}

function shorten(draft: Draft, { historyOutputChars }: ContextDeps): Draft {
  const { stored, added } = draft;
  if (stored.length === 0) return { ...draft, items: added };
  return { ...draft, items: [...shortenOutputs(stored, historyOutputChars), ...added] };
}

function repair(draft: Draft): Draft {
  return { ...draft, items: repairTranscript(draft.items) };
}
