import { headAndTail } from "../lib/text.ts";
import type { FunctionCallOutputBody, Part } from "./item.ts";

/** What a tool answered: text, or parts of text and images. */
export type ToolOutput = FunctionCallOutputBody["output"];

/**
 * Cuts the texts of an output in the middle, so that all of them together keep about `maxChars` characters, each its share.
 * Images stay.
 */
export function cutTexts<OnePart extends Part>(output: OnePart[], maxChars: number): OnePart[];
export function cutTexts(output: ToolOutput, maxChars: number): ToolOutput;
export function cutTexts(output: ToolOutput, maxChars: number): ToolOutput {
  if (typeof output === "string") return headAndTail(output, maxChars);
  const chars = output.reduce((sum, part) => sum + (isTextPart(part) ? part.text.length : 0), 0);
  if (chars <= maxChars) return output;
  return output.map((part) => {
    if (!isTextPart(part)) return part;
    return { ...part, text: headAndTail(part.text, Math.floor((maxChars * part.text.length) / chars)) };
  });
}

/** Whether two outputs say the same. */
export function isSameOutput(one: ToolOutput, other: ToolOutput): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  return one.length === other.length && one.every((part, index) => isSamePart(part, other[index]));
}

function isSamePart(one: Part, other: Part | undefined): boolean {
  if (isTextPart(one)) return other !== undefined && isTextPart(other) && other.text === one.text;
  if (one.type === "input_image") return other?.type === one.type && other.image_url === one.image_url;
  return other?.type === one.type && other.refusal === one.refusal;
}

function isTextPart(part: Part): part is Extract<Part, { text: string }> {
  return part.type === "input_text" || part.type === "output_text";
}
