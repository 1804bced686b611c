import type { OutputConfig, ThinkingConfigParam } from "@anthropic-ai/sdk/resources/messages/messages";

type Effort = NonNullable<OutputConfig["effort"]>;

/**
 * What a model accepts, as far as its name tells. The service refuses a request with a setting that its model does not
 * know, so this decides what is sent. It goes by version and not by name, so that new models work on their first day.
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking
 * @see https://platform.claude.com/docs/en/about-claude/models/overview
 */
export interface ModelTraits {
  /** The output limit in tokens, thinking included, when the request gives none; the protocol demands one. */
  maxTokens: number;
  /** How thinking is requested: by effort alone, by a budget of tokens, or not at all. */
  thinking: "adaptive" | "budget" | "none";
  /** How thinking is switched off; `effort`: it cannot be, so low effort is requested. */
  noThinking: ThinkingConfigParam | "effort" | undefined;
  /** The efforts that the model knows besides `low`, `medium` and `high`. */
  moreEfforts: readonly Effort[];
  /** Whether the model can think when it is forced to call a tool. */
  thinksWhenForced: boolean;
  /** Whether it accepts `temperature` or `top_p`, one of the two. */
  sampling: boolean;
  /** Whether it accepts output schemas and strict tools. */
  schemas: boolean;
}

/** The traits of another vendor's model, or of an unknown name: what the protocol's first models accepted. */
const FOREIGN: ModelTraits = {
  maxTokens: 8_192,
  thinking: "budget",
  noThinking: { type: "disabled" },
  moreEfforts: [],
  thinksWhenForced: false,
  sampling: true,
  schemas: false,
};

/** Reads the traits of a model from its name, for example `claude-sonnet-5`, `anthropic/claude-opus-4.6` or `claude-3-haiku-20240307`. */
export function readTraits(model: string): ModelTraits {
  const version = readVersion(model);
  if (version === undefined) return FOREIGN;
  const { line, number } = version;
  return {
    maxTokens: chooseMaxTokens(number),
    thinking: chooseThinking(number),
    noThinking: chooseNoThinking(line, number),
    moreEfforts: number >= 407 ? ["xhigh", "max"] : ["max"],
    thinksWhenForced: number >= 408,
    sampling: number < 407,
    schemas: number >= 405,
  };
}

interface Version {
  line: string;
  /** Major × 100 + minor: 405 is 4.5. */
  number: number;
}

function readVersion(model: string): Version | undefined {
  // Not followed by a digit: a date (20250514) is no version.
  const name = /claude-(?:([a-z]+)-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  if (name !== null) {
    const line = name[1] ?? "";
    return { line, number: Number(name[2]) * 100 + Number(name[3] ?? 0) };
  }
  return model.includes("claude-mythos") ? { line: "mythos", number: 500 } : undefined;
}

/** Enough for a long answer, and allowed by every model of that version; for more, a request must give its limit. */
function chooseMaxTokens(version: number): number {
  if (version < 305) return 4_096;
  return version < 307 ? 8_192 : 32_000;
}

function chooseThinking(version: number): ModelTraits["thinking"] {
  if (version < 307) return "none";
  return version < 406 ? "budget" : "adaptive";
}

/** Models before 5 think only on request; later ones by themselves, and some cannot be stopped. */
function chooseNoThinking(line: string, version: number): ModelTraits["noThinking"] {
  if (version < 500 && line !== "mythos") return undefined;
  if (line === "sonnet" && version >= 505) return { type: "between_tools" };
  if (line === "haiku" || version < 505) return ALWAYS_THINKING.has(line) ? "effort" : { type: "disabled" };
  return "effort";
}

const ALWAYS_THINKING: ReadonlySet<string> = new Set(["fable", "mythos"]);

/** The fields of a request that control thinking. */
export interface Reasoning {
  thinking?: ThinkingConfigParam;
  effort?: Effort;
}

const BUDGETS: Readonly<Record<string, number>> = {
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 24_576,
  max: 24_576,
};
/** The smallest budget that the service accepts, and the least that must remain for the answer itself. */
const MIN_BUDGET = 1_024;

/** What the fields for thinking depend on. */
interface ReasoningOptions {
  /** OpenAI's values: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`; an unknown one is ignored. */
  effort: string | undefined;
  /** The model must call a tool. */
  isForced: boolean;
  /** The model continues after results of calls that it made without thinking, as far as the transcript shows. */
  isMidway: boolean;
  maxTokens: number;
}

/** Chooses the fields that control thinking. Without an effort there are none, and the model decides. */
export function chooseReasoning(traits: ModelTraits, options: ReasoningOptions): Reasoning {
  const { effort, isForced, isMidway, maxTokens } = options;
  if (effort === "none" || effort === "minimal") return switchOffThinking(traits);
  const budget = effort !== undefined && Object.hasOwn(BUDGETS, effort) ? BUDGETS[effort] : undefined;
  if (effort === undefined || budget === undefined) return {};
  // The client demands the call; thinking only improves it.
  if (isForced && !traits.thinksWhenForced) return {};
  if (traits.thinking === "adaptive") {
    // Without `display` the thinking would be hidden.
    return { thinking: { type: "adaptive", display: "summarized" }, effort: chooseEffort(traits, effort) };
  }
  // Older models refuse to start thinking in the middle of a turn.
  if (isMidway) return {};
  const budget_tokens = Math.min(budget, maxTokens - MIN_BUDGET);
  if (traits.thinking === "none" || budget_tokens < MIN_BUDGET) return {};
  return { thinking: { type: "enabled", budget_tokens } };
}

function switchOffThinking({ noThinking }: ModelTraits): Reasoning {
  if (noThinking === undefined) return {};
  return noThinking === "effort" ? { effort: "low" } : { thinking: noThinking };
}

function chooseEffort({ moreEfforts }: ModelTraits, effort: string): Effort {
  const wanted = effort as Effort;
  if (wanted === "low" || wanted === "medium" || wanted === "high") return wanted;
  return moreEfforts.includes(wanted) ? wanted : "high";
}
