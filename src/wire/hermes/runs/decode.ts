import type { RunId } from "../../../domain/id.ts";
import type { ModelSettings, RunInput } from "../../../domain/run.ts";
import { RUN_POLICIES } from "../../../domain/run-policy.ts";
import { historyItems, type InputTerms, inputItems } from "../../openai/responses/items.ts";
import { hermesEffort, hermesTier } from "../../shared/model-options.ts";
import type { RunRequest } from "./schema.ts";

/** What a request says outside its body, and what it refers to. */
interface RunTerms extends InputTerms {
  /** The principal that asks. */
  owner: string;
  /** The session that it goes on with. */
  sessionId: string | undefined;
  /** The run that it goes on from. */
  previous: RunId | undefined;
  /** Whether people answer what it asks. */
  attended: boolean;
  idempotency: RunInput["idempotency"];
}

/**
 * What a request for a run asks the agent to do: in the background, whatever its client does.
 * @throws ApiError 400 for items that cannot be.
 */
export function decodeRun(request: RunRequest, terms: RunTerms): RunInput {
  const { model, provider, instructions, metadata } = request;
  return {
    surface: "runs",
    policy: RUN_POLICIES.runs,
    owner: terms.owner,
    ask: { ...(model && { model }), ...(provider && { provider }) },
    mode: "agent",
    ...(terms.sessionId !== undefined && { sessionId: terms.sessionId }),
    ...(terms.previous !== undefined && { previous: terms.previous }),
    items: [...historyItems(request, terms), ...inputItems(request.input, terms)],
    ...(instructions && { instructions }),
    tools: [],
    toolChoice: { mode: "auto" },
    settings: decodeRunSettings(request),
    deltas: true,
    background: true,
    ...(terms.attended && { attended: true }),
    ...(terms.idempotency !== undefined && { idempotency: terms.idempotency }),
    ...(metadata && { echo: { metadata } }),
  };
}

function decodeRunSettings({
  reasoning_effort,
  service_tier,
  model_options: options,
}: RunRequest): ModelSettings {
  const effort = reasoning_effort ?? hermesEffort(options);
  const tier = service_tier ?? hermesTier(options);
  return { ...(effort && { reasoningEffort: effort }), ...(tier && { serviceTier: tier }) };
}
