import type { OutputConfig, ThinkingConfigParam } from "@anthropic-ai/sdk/resources/messages/messages";

type Effort = NonNullable<OutputConfig["effort"]>;

/**
 * What a model takes, as far as its name tells. The service refuses a request with a setting that its model does not
 * know, so this decides what is sent; by version and not by name, so that a new model is known on its first day.
 * @see https://platform.claude.com/docs/en/build-with-claude/thinking
 * @see https://platform.claude.com/docs/en/about-claude/models/overview
 */
export interface ModelTraits {
  /** The output limit when the request gives none; the protocol demands one. In tokens, thinking included. */
  maxTokens: number;
  /** How it is told to think: by effort alone, by a budget of tokens, or not at all. */
  thinking: "adaptive" | "budget" | "none";
  /** How it is told not to think; `effort`: it always thinks, so little is the most that can be asked. */
  noThinking: ThinkingConfigParam | "effort" | undefined;
  /** The efforts that it knows besides `low`, `medium` and `high`. */
  moreEfforts: readonly Effort[];
  /** Whether it can think although it must call a tool. */
  thinksWhenForced: boolean;
  /** Whether it takes `temperature` and `top_p`, one of the two. */
  sampling: boolean;
  /** Whether it takes output schemas and strict tools. */
  schemas: boolean;
}

/** Anthropic's protocol from another vendor, or a name that we cannot read: the settings that came first. */
const FOREIGN: ModelTraits = {
  maxTokens: 8_192,
  thinking: "budget",
  noThinking: { type: "disabled" },
  moreEfforts: [],
  thinksWhenForced: false,
  sampling: true,
  schemas: false,
};

/** The traits of a model by its name, for example `claude-sonnet-5`, `anthropic/claude-opus-4.6` or `claude-3-haiku-20240307`. */
export function traitsOf(model: string): ModelTraits {
  const version = versionOf(model);
  if (version === undefined) return FOREIGN;
  const { line, number } = version;
  return {
    maxTokens: maxTokens(number),
    thinking: thinkingOf(number),
    noThinking: noThinkingOf(line, number),
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

function versionOf(model: string): Version | undefined {
  // The digits of a date (20250514) are no version.
  const name = /claude-(?:([a-z]+)-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  if (name !== null) {
    const line = name[1] ?? "";
    return { line, number: Number(name[2]) * 100 + Number(name[3] ?? 0) };
  }
  return model.includes("claude-mythos") ? { line: "mythos", number: 500 } : undefined;
}

/** What fits a long answer and what every model of that age allows; beyond it, a request must ask. */
function maxTokens(version: number): number {
  if (version < 305) return 4_096;
  return version < 307 ? 8_192 : 32_000;
}

function thinkingOf(version: number): ModelTraits["thinking"] {
  if (version < 307) return "none";
  return version < 406 ? "budget" : "adaptive";
}

/** Models before 5 think only when told to; later ones by themselves, and some cannot be stopped. */
function noThinkingOf(line: string, version: number): ModelTraits["noThinking"] {
  if (version < 500 && line !== "mythos") return undefined;
  if (line === "sonnet" && version >= 505) return { type: "between_tools" };
  if (line === "haiku" || version < 505) return ALWAYS_THINKING.has(line) ? "effort" : { type: "disabled" };
  return "effort";
}

const ALWAYS_THINKING: ReadonlySet<string> = new Set(["fable", "mythos"]);

/** How a request tells its model to think. */
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
/** The least that the service accepts as a budget, and the least that must be left for the answer itself. */
const MIN_BUDGET = 1_024;

/** What a reasoning setting depends on. */
export interface ReasoningQuestion {
  /** OpenAI's word: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`; one that is not known says nothing. */
  effort: string | undefined;
  /** A tool must be called. */
  forced: boolean;
  /** The model goes on after results of calls that it made without thinking, as far as the transcript shows. */
  midway: boolean;
  maxTokens: number;
}

/** The reasoning settings for a model. Without an effort nothing is sent: the model does as it does by default. */
export function reasoningFor(traits: ModelTraits, question: ReasoningQuestion): Reasoning {
  const { effort, forced, midway, maxTokens } = question;
  if (effort === "none" || effort === "minimal") return withoutThinking(traits);
  const budget = effort !== undefined && Object.hasOwn(BUDGETS, effort) ? BUDGETS[effort] : undefined;
  if (effort === undefined || budget === undefined) return {};
  // The call is what the client insists on; thinking is only how well it is done.
  if (forced && !traits.thinksWhenForced) return {};
  if (traits.thinking === "adaptive") {
    // The thinking would be hidden otherwise.
    return { thinking: { type: "adaptive", display: "summarized" }, effort: effortFor(traits, effort) };
  }
  // Older models refuse to begin to think in the middle of a turn.
  if (midway) return {};
  const budget_tokens = Math.min(budget, maxTokens - MIN_BUDGET);
  if (traits.thinking === "none" || budget_tokens < MIN_BUDGET) return {};
  return { thinking: { type: "enabled", budget_tokens } };
}

function withoutThinking({ noThinking }: ModelTraits): Reasoning {
  if (noThinking === undefined) return {};
  return noThinking === "effort" ? { effort: "low" } : { thinking: noThinking };
}

function effortFor({ moreEfforts }: ModelTraits, effort: string): Effort {
  const wanted = effort as Effort;
  if (wanted === "low" || wanted === "medium" || wanted === "high") return wanted;
  return moreEfforts.includes(wanted) ? wanted : "high";
}
