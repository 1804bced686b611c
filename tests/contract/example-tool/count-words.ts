import { z } from "zod";
import { defineTool, type Toolset } from "../../../src/tools/define.ts";

/** The group of tools that work with texts. */
export const toolset: Toolset = { name: "text", label: "Texts", description: "Count and compare texts" };

/** Counts the words of a text. */
export const tool = defineTool({
  name: "count_words",
  toolset: toolset.name,
  emoji: "🔢",
  description: "Counts the words of a text. Use it instead of counting yourself.",
  effect: "read",
  parameters: z.strictObject({ text: z.string().describe("The text whose words are counted.") }),
  preview: ({ text }) => text,
  run: async ({ text }) => String(text.split(/\s+/).filter(Boolean).length),
});
