import { z } from "zod";
import { ItemBody } from "./item.ts";
import { RunPolicy } from "./run-policy.ts";

/** Where a run was asked for; each surface is a view of the same events. */
export const Surface = z.enum(["chat", "responses", "runs", "jobs", "conversations"]);
export type Surface = z.infer<typeof Surface>;

export const RunStatus = z.enum(["queued", "running", "completed", "failed", "cancelled", "interrupted"]);
export type RunStatus = z.infer<typeof RunStatus>;

/** A tool as a model sees it; `parameters` is a JSON Schema. */
export const ToolSpec = z.object({
  name: z.string(),
  description: z.string().exactOptional(),
  parameters: z.record(z.string(), z.unknown()),
  strict: z.boolean().exactOptional(),
});
export type ToolSpec = z.infer<typeof ToolSpec>;

/** What the model may or must call on its first step; `names` narrows it to some of the tools. */
export const ToolChoice = z.object({
  mode: z.enum(["auto", "none", "required"]),
  names: z.array(z.string()).exactOptional(),
});
export type ToolChoice = z.infer<typeof ToolChoice>;

/** How the answer must be shaped. */
export const OutputFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string(),
    description: z.string().exactOptional(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().exactOptional(),
  }),
]);
export type OutputFormat = z.infer<typeof OutputFormat>;

/** Sampling and output settings that a request passes to each model call. */
export const ModelSettings = z.object({
  temperature: z.number().exactOptional(),
  topP: z.number().exactOptional(),
  stop: z.array(z.string()).exactOptional(),
  maxOutputTokens: z.number().exactOptional(),
  presencePenalty: z.number().exactOptional(),
  frequencyPenalty: z.number().exactOptional(),
  seed: z.number().exactOptional(),
  format: OutputFormat.exactOptional(),
  reasoningEffort: z.string().exactOptional(),
  parallelToolCalls: z.boolean().exactOptional(),
  serviceTier: z.string().exactOptional(),
  user: z.string().exactOptional(),
  /** How many words the answer should have. */
  verbosity: z.enum(["low", "medium", "high"]).exactOptional(),
  /** Who asks, as a hash that the client made; for the upstream's own checks. */
  safetyIdentifier: z.string().exactOptional(),
  /** Which requests the upstream should cache together. */
  promptCacheKey: z.string().exactOptional(),
  metadata: z.record(z.string(), z.string()).exactOptional(),
});
export type ModelSettings = z.infer<typeof ModelSettings>;

/** The model a run was asked for and the one that serves it. */
export const RunModel = z.object({
  /** The `model` of the request, echoed to the client. */
  asked: z.string(),
  /** The configured provider's name. */
  provider: z.string(),
  /** The model id sent upstream. */
  served: z.string(),
});
export type RunModel = z.infer<typeof RunModel>;

const RunIdField = z.custom<`run_${string}`>((id) => typeof id === "string" && id.startsWith("run_"));

/** A run's identity and terms, as its `run.created` event records them. */
export const Run = z.object({
  id: RunIdField,
  /** The principal that started it; everything of the run is looked up by id and owner. */
  owner: z.string(),
  surface: Surface,
  /** `items`: it only holds items that a client put into a session; no agent did anything, and only the session shows it. */
  kind: z.literal("items").exactOptional(),
  createdAt: z.number(),
  model: RunModel,
  sessionId: z.string().exactOptional(),
  /** Where its history ends: the items of that run, up to a number if one is given, and of its ancestors. */
  parent: z.object({ runId: z.string(), throughItem: z.int().exactOptional() }).exactOptional(),
  /** The hash of the core prompt that it and what goes on from it are done with. */
  prompt: z.string().exactOptional(),
  /** It goes on whatever its client does, and after a restart. */
  background: z.boolean().exactOptional(),
  /** Its questions reach a person, who can answer them. */
  attended: z.boolean().exactOptional(),
  /** Nothing but its idempotency key leads to it: no request gets it by its id. */
  hidden: z.boolean().exactOptional(),
  /** The job that it is done for. */
  job: z.string().exactOptional(),
  /** The agent has caused it: it has no more rights than a chat where nobody can be asked. */
  byAgent: z.boolean().exactOptional(),
  /** What of its request its surface says again, in that surface's own form. */
  echo: z.record(z.string(), z.unknown()).exactOptional(),
});
export type Run = Readonly<z.infer<typeof Run>>;

/** Whether an owner's requests get a run by its id. */
export function isOpenTo(run: Run, owner: string): boolean {
  return run.owner === owner && run.hidden !== true;
}

/** What a surface's decoder makes of a request; with the stored history it is everything that a run needs. */
export const RunInput = z.object({
  surface: Surface,
  policy: RunPolicy,
  /** The principal that asks. */
  owner: z.string(),
  /** Which model the request names, if any. */
  ask: z.object({
    model: z.string().exactOptional(),
    provider: z.string().exactOptional(),
    /** Somebody chose the model; many clients elsewhere name one only because they must. */
    isChosen: z.boolean().exactOptional(),
  }),
  /** `plain`: the bare model without core prompt, tools and memory, whatever the model's name says. */
  mode: z.enum(["agent", "plain"]),
  /** The session that it goes on with. */
  sessionId: z.string().exactOptional(),
  /** What the client sent: without a session the whole conversation. */
  items: z.array(ItemBody),
  /** True: the items are all new to the session; else a client may send what it has already, too. */
  newOnly: z.boolean().exactOptional(),
  /** The frontend's own system text; a second block after the core prompt, for this run only. */
  instructions: z.string().exactOptional(),
  /** Tools that the client runs. */
  tools: z.array(ToolSpec),
  toolChoice: ToolChoice,
  settings: ModelSettings,
  /** How many calls of the server's tools are run; then the model has to do without. */
  maxToolCalls: z.number().exactOptional(),
  /** `auto`: of a transcript that is too long for the model, the oldest items are left out. */
  truncation: z.literal("auto").exactOptional(),
  /** True when somebody reads deltas from the start, so that the upstream is worth streaming. */
  deltas: z.boolean(),
  /** The run whose transcript it goes on from. */
  previous: RunIdField.exactOptional(),
  /** True: it goes on whatever its client does, and after a restart. */
  background: z.boolean().exactOptional(),
  /** True: its questions reach a person, who can answer them; else what would ask is denied. */
  attended: z.boolean().exactOptional(),
  /** False: nothing of the run is kept once it has ended. */
  store: z.boolean().exactOptional(),
  /** Requests of its owner and surface with this key are one, as long as `fingerprint` says that they ask for the same. */
  idempotency: z.object({ key: z.string(), fingerprint: z.string() }).exactOptional(),
  /** What its surface will say again of the request. */
  echo: z.record(z.string(), z.unknown()).exactOptional(),
  /** The id that its run is to have, where that is known before. */
  id: RunIdField.exactOptional(),
  /** The job that it is done for. */
  job: z.string().exactOptional(),
  /** The agent has caused it. */
  byAgent: z.boolean().exactOptional(),
  /** Only these of the server's toolsets; undefined: all. */
  toolsets: z.array(z.string()).exactOptional(),
  /** The directory of the workspace that its tools work in; undefined: the workspace itself. */
  workdir: z.string().exactOptional(),
  /** Closer limits than the server's own. */
  limits: z
    .object({
      maxSteps: z.int().exactOptional(),
      maxRunMs: z.int().exactOptional(),
      maxOutputTokens: z.int().exactOptional(),
    })
    .exactOptional(),
});
export type RunInput = z.infer<typeof RunInput>;

/** Whether nothing but its key leads to a request's run: it is not to be stored, and only its answer is kept. */
export function isHidden({ store, idempotency }: RunInput): boolean {
  return store === false && idempotency !== undefined;
}

/** Whether what a request adds to its history is stored, so that later runs can go on from it. */
export function keepsInput(input: RunInput): boolean {
  return !isHidden(input) && (input.policy.input === "kept" || input.sessionId !== undefined);
}
