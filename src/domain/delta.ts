import type { Channel } from "./event.ts";
import type { Part, ReasoningBody } from "./item.ts";

/** The parts of an item that deltas add to; whole items fit, and so do a provider's items without ids. */
type Growing =
  | { type: "message"; content: Part[] }
  | Pick<ReasoningBody, "type" | "summary">
  | { type: "function_call"; arguments: string }
  | { type: "function_call_output"; output: string | Part[] }
  | { type: "compaction" };

/** Adds one delta to an item in place; a channel that the item does not have adds nothing. */
export function grow(item: Growing, channel: Channel, delta: string): void {
  switch (item.type) {
    case "message":
      growMessage(item.content, channel, delta);
      return;
    case "reasoning":
      growSummary(item.summary, delta);
      return;
    case "function_call":
      item.arguments += delta;
      return;
    case "function_call_output":
      if (typeof item.output === "string") item.output += delta;
      return;
    case "compaction":
      return;
  }
}

function growMessage(content: Part[], channel: Channel, delta: string): void {
  const last = content.at(-1);
  if (channel === "refusal") {
    if (last?.type === "refusal") last.refusal += delta;
    else content.push({ type: "refusal", refusal: delta });
  } else if (last?.type === "output_text") last.text += delta;
  else content.push({ type: "output_text", text: delta });
}

function growSummary(summary: ReasoningBody["summary"], delta: string): void {
  const last = summary.at(-1);
  if (last === undefined) summary.push({ type: "summary_text", text: delta });
  else last.text += delta;
}
