import type { Channel } from "../../../domain/event.ts";
import type { OutputItem, OutputPart } from "./output.ts";

/** A stream event without its number; of one that stands for several, how many numbers they had. */
export type Frame = { type: string; numbers?: number } & Readonly<Record<string, unknown>>;

/** An item of the output that is not done. */
export interface OpenItem {
  /** Its place in the output. */
  index: number;
  /** As it was announced; for a call that waits for its result, as the model said it. */
  item: OutputItem;
  /** What deltas have told so far: one entry per content part or summary section, and one for arguments. */
  told: Told[];
}

interface Told {
  kind: "text" | "refusal" | "reasoning" | "arguments";
  text: string;
}

/** The events that announce an item. */
export function beginItem({ index, item }: OpenItem): Frame[] {
  const added = { type: "response.output_item.added", output_index: index, item };
  return item.type === "mcp_call"
    ? [added, { type: "response.mcp_call.in_progress", item_id: item.id, output_index: index }]
    : [added];
}

/** The events for what a delta adds; one that the item has no place for adds nothing. */
export function growItem(open: OpenItem, channel: Channel, delta: string): Frame[] {
  if (channel === "output" || !fits(open.item, channel)) return [];
  const last = open.told.at(-1);
  const begun =
    last?.kind === channel ? [] : [...closeLast(open), ...openNext(open, { kind: channel, text: "" })];
  return [...begun, ...deltaFrames(open, delta)];
}

/** The events for what deltas left out of an item's final form, and for the ends of its parts. */
export function finishItem(open: OpenItem, item: OutputItem): Frame[] {
  const frames: Frame[] = [];
  const final = listParts(item);
  for (const [at, part] of final.entries()) {
    const told = open.told[at];
    // Deltas are a preview: a part that turned out to be something else is told as it turned out.
    if (told === undefined) frames.push(...closeLast(open), ...openNext(open, { kind: part.kind, text: "" }));
    const known = told?.text ?? "";
    if (part.text.startsWith(known) && part.text.length > known.length && at === open.told.length - 1) {
      frames.push(...deltaFrames(open, part.text.slice(known.length)));
    }
    const entry = open.told[at];
    if (entry !== undefined) entry.text = part.text;
  }
  return [...frames, ...closeLast(open)];
}

function fits(item: OutputItem, channel: Told["kind"]): boolean {
  switch (item.type) {
    case "message":
      return channel === "text" || channel === "refusal";
    case "reasoning":
      return channel === "reasoning";
    case "function_call":
    case "mcp_call":
      return channel === "arguments";
    default:
      return false;
  }
}

function listParts(item: OutputItem): Told[] {
  switch (item.type) {
    case "message":
      return item.content.map((part) =>
        part.type === "refusal" ? { kind: "refusal", text: part.refusal } : { kind: "text", text: part.text },
      );
    case "reasoning":
      return item.summary.map(({ text }) => ({ kind: "reasoning", text }));
    case "function_call":
    case "mcp_call":
      return [{ kind: "arguments", text: item.arguments }];
    default:
      return [];
  }
}

function place({ index, item }: OpenItem): { item_id: string; output_index: number } {
  return { item_id: item.id, output_index: index };
}

function openNext(open: OpenItem, told: Told): Frame[] {
  open.told.push(told);
  const at = open.told.length - 1;
  switch (told.kind) {
    case "text":
    case "refusal":
      return [
        { type: "response.content_part.added", ...place(open), content_index: at, part: toOutputPart(told) },
      ];
    case "reasoning": {
      const part = { type: "summary_text", text: "" };
      return [{ type: "response.reasoning_summary_part.added", ...place(open), summary_index: at, part }];
    }
    case "arguments":
      return [];
  }
}

function deltaFrames(open: OpenItem, delta: string): Frame[] {
  const at = open.told.length - 1;
  const told = open.told[at];
  if (told === undefined || delta === "") return [];
  told.text += delta;
  const where = place(open);
  switch (told.kind) {
    case "text":
      return [{ type: "response.output_text.delta", ...where, content_index: at, delta, logprobs: [] }];
    case "refusal":
      return [{ type: "response.refusal.delta", ...where, content_index: at, delta }];
    case "reasoning":
      return [{ type: "response.reasoning_summary_text.delta", ...where, summary_index: at, delta }];
    case "arguments":
      return [{ type: `${readArguments(open.item)}.delta`, ...where, delta }];
  }
}

/** The part that deltas were added to has its end. */
function closeLast(open: OpenItem): Frame[] {
  const at = open.told.length - 1;
  const told = open.told[at];
  if (told === undefined) return [];
  const where = place(open);
  switch (told.kind) {
    case "text": {
      const { text } = told;
      const done = { type: "response.output_text.done", ...where, content_index: at, text, logprobs: [] };
      return [
        done,
        { type: "response.content_part.done", ...where, content_index: at, part: toOutputPart(told) },
      ];
    }
    case "refusal": {
      const done = { type: "response.refusal.done", ...where, content_index: at, refusal: told.text };
      return [
        done,
        { type: "response.content_part.done", ...where, content_index: at, part: toOutputPart(told) },
      ];
    }
    case "reasoning": {
      const at_ = { ...where, summary_index: at };
      const part = { type: "summary_text", text: told.text };
      return [
        { type: "response.reasoning_summary_text.done", ...at_, text: told.text },
        { type: "response.reasoning_summary_part.done", ...at_, part },
      ];
    }
    case "arguments": {
      const { item } = open;
      const name = item.type === "function_call" || item.type === "mcp_call" ? item.name : "";
      return [{ type: `${readArguments(item)}.done`, ...where, name, arguments: told.text }];
    }
  }
}

function toOutputPart({ kind, text }: Told): OutputPart {
  return kind === "refusal"
    ? { type: "refusal", refusal: text }
    : { type: "output_text", text, annotations: [], logprobs: [] };
}

function readArguments(item: OutputItem): string {
  return item.type === "mcp_call" ? "response.mcp_call_arguments" : "response.function_call_arguments";
}
