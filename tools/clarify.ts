import { z } from "zod";
import { defineTool, ToolError, type Toolset } from "../src/tools/define.ts";

/** The group of questions to the user. */
export const toolset: Toolset = {
  name: "clarify",
  label: "Questions",
  description: "Ask the user, where somebody can answer",
};

/** Asks the user a question, where somebody can answer. */
export const tool = defineTool({
  name: "clarify",
  toolset: toolset.name,
  emoji: "❓",
  description:
    "Asks the user one question and waits for the answer. Use it when the task cannot be done well without a decision " +
    "that only the user can make; do not ask what you can find out, or what has a sensible default. With choices the " +
    "user picks one or writes something else.",
  effect: "read",
  needsPerson: true,
  parameters: z.strictObject({
    question: z.string().min(1).max(4_000).describe("The question, in full: the user may see nothing else."),
    choices: z.array(z.string().min(1).max(500)).min(1).max(8).optional().describe("Answers to choose from."),
  }),
  preview: ({ question }) => question,
  run: async ({ question, choices }, { ask }) => {
    const answer = await ask?.(question, choices);
    if (answer === undefined) throw new ToolError(UNANSWERED);
    return answer;
  },
});

const UNANSWERED =
  "Nobody answered in time. Go on with the most sensible assumption and say which one you made, or stop and say what you need to know.";
