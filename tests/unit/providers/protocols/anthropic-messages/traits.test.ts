import type { Model } from "@anthropic-ai/sdk/resources/messages/messages";
import { describe, expect, test } from "vitest";
import {
  chooseReasoning,
  type Reasoning,
  readTraits,
} from "../../../../../src/providers/protocols/anthropic-messages/traits.ts";

/** The names that the SDK knows; any other string is allowed besides. */
type KnownModel = Model extends infer Name
  ? Name extends string
    ? string & {} extends Name
      ? never
      : Name
    : never
  : never;

/** What the service documents about each model. Does not compile when the SDK knows a model that is missing here. */
const MODELS = {
  "claude-fable-5-2": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-mythos-5-2": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-haiku-5-5": { thinking: "adaptive", off: "disabled", sampling: false },
  "claude-sonnet-5-5": { thinking: "adaptive", off: "between_tools", sampling: false },
  "claude-fable-5-1": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-opus-5-5": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-mythos-5-1": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-sonnet-5": { thinking: "adaptive", off: "disabled", sampling: false },
  "claude-fable-5": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-mythos-5": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-opus-5": { thinking: "adaptive", off: "disabled", sampling: false },
  "claude-opus-4-8": { thinking: "adaptive", off: "nothing", sampling: false },
  "claude-opus-4-7": { thinking: "adaptive", off: "nothing", sampling: false },
  "claude-mythos-preview": { thinking: "adaptive", off: "effort", sampling: false },
  "claude-opus-4-6": { thinking: "adaptive", off: "nothing", sampling: true },
  "claude-sonnet-4-6": { thinking: "adaptive", off: "nothing", sampling: true },
  "claude-haiku-4-5": { thinking: "budget", off: "nothing", sampling: true },
  "claude-haiku-4-5-20251001": { thinking: "budget", off: "nothing", sampling: true },
  "claude-opus-4-5": { thinking: "budget", off: "nothing", sampling: true },
  "claude-opus-4-5-20251101": { thinking: "budget", off: "nothing", sampling: true },
  "claude-sonnet-4-5": { thinking: "budget", off: "nothing", sampling: true },
  "claude-sonnet-4-5-20250929": { thinking: "budget", off: "nothing", sampling: true },
} as const satisfies Record<KnownModel, object>;

describe("the traits of a model", () => {
  test.each(Object.entries(MODELS))("the traits of %s are what the service documents", (name, {
    thinking,
    off,
    sampling,
  }) => {
    const traits = readTraits(name);
    const { noThinking } = traits;
    const said = noThinking === undefined ? "nothing" : noThinking === "effort" ? "effort" : noThinking.type;
    expect({ thinking: traits.thinking, off: said, sampling: traits.sampling }).toEqual({
      thinking,
      off,
      sampling,
    });
    expect(traits.maxTokens).toBe(32_000);
    expect(traits.schemas).toBe(true);
  });

  test.each([
    ["anthropic/claude-opus-4.6", "claude-opus-4-6"],
    ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"],
    ["claude-opus-5-5@20261001", "claude-opus-5-5"],
    ["claude-sonnet-6", "claude-opus-5-5"],
  ])("the name %s has the traits of %s", (name, like) => {
    const { noThinking: _, ...traits } = readTraits(name);
    const { noThinking: __, ...expected } = readTraits(like);
    expect(traits).toEqual(expected);
  });

  test.each([
    ["claude-sonnet-4-20250514", 32_000, "budget", false],
    ["claude-3-7-sonnet-20250219", 32_000, "budget", false],
    ["claude-3-5-haiku-20241022", 8_192, "none", false],
    ["claude-3-opus-20240229", 4_096, "none", false],
    ["deepseek-chat", 8_192, "budget", false],
    ["kimi-k2", 8_192, "budget", false],
  ])("the model %s has %i output tokens, thinking by %s, and schemas: %s", (name, maxTokens, thinking, schemas) => {
    expect(readTraits(name)).toMatchObject({ maxTokens, thinking, schemas });
  });
});

describe("the request to think", () => {
  function told(
    model: string,
    effort: string | undefined,
    more: { isForced?: boolean; isMidway?: boolean; maxTokens?: number } = {},
  ): Reasoning {
    return chooseReasoning(readTraits(model), {
      effort,
      isForced: false,
      isMidway: false,
      maxTokens: 32_000,
      ...more,
    });
  }
  const SHOWN = { type: "adaptive", display: "summarized" };

  test("without a known effort nothing is sent about thinking", () => {
    expect(told("claude-sonnet-5", undefined)).toEqual({});
    expect(told("claude-sonnet-5", "banana")).toEqual({});
    expect(told("claude-sonnet-5", "constructor")).toEqual({});
  });

  test.each([
    ["claude-sonnet-5", "low", "low"],
    ["claude-sonnet-5", "xhigh", "xhigh"],
    ["claude-sonnet-5", "max", "max"],
    ["claude-opus-4-6", "max", "max"],
    ["claude-opus-4-6", "xhigh", "high"],
  ])("the model %s with effort %s is asked for effort %s", (model, effort, expected) => {
    expect(told(model, effort)).toEqual({ thinking: SHOWN, effort: expected });
  });

  test.each([
    ["low", 32_000, 2_048],
    ["high", 32_000, 16_384],
    ["max", 32_000, 24_576],
    ["high", 4_096, 3_072],
  ])("an older model with effort %s and %i tokens has a budget of %i", (effort, maxTokens, budget) => {
    expect(told("claude-sonnet-4-5", effort, { maxTokens })).toEqual({
      thinking: { type: "enabled", budget_tokens: budget },
    });
  });

  test("an older model does not think when the output limit leaves no room for the smallest budget", () => {
    expect(told("claude-sonnet-4-5", "high", { maxTokens: 2_000 })).toEqual({});
  });

  test("a model that cannot think is not asked to think", () => {
    expect(told("claude-3-5-haiku-20241022", "high")).toEqual({});
  });

  test.each([
    "none",
    "minimal",
  ])("the effort %s switches thinking off, or asks for low effort where that is impossible", (effort) => {
    expect(told("claude-sonnet-5", effort)).toEqual({ thinking: { type: "disabled" } });
    expect(told("claude-sonnet-5-5", effort)).toEqual({ thinking: { type: "between_tools" } });
    expect(told("claude-opus-5-5", effort)).toEqual({ effort: "low" });
    expect(told("claude-opus-4-8", effort)).toEqual({});
    expect(told("claude-sonnet-4-5", effort)).toEqual({});
    expect(told("deepseek-chat", effort)).toEqual({ thinking: { type: "disabled" } });
  });

  test("an older model does not start to think in the middle of a turn", () => {
    expect(told("claude-sonnet-4-5", "high", { isMidway: true })).toEqual({});
    expect(told("claude-sonnet-5", "high", { isMidway: true })).toEqual({ thinking: SHOWN, effort: "high" });
  });

  test("a forced call switches thinking off on models that cannot do both", () => {
    expect(told("claude-sonnet-4-5", "high", { isForced: true })).toEqual({});
    expect(told("claude-opus-4-7", "high", { isForced: true })).toEqual({});
    expect(told("claude-sonnet-5", "high", { isForced: true })).toEqual({ thinking: SHOWN, effort: "high" });
  });
});
