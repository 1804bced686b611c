import type { JsonObject } from "../../src/lib/json.ts";
import { isGate } from "./gate.ts";
import type { Answer, StreamEdit } from "./script.ts";
import type { Frame, StreamItem } from "./sse.ts";

/** Puts an event before the n-th (from 0); past the end, after the last. */
export function insertEvent(n: number, event: Frame): StreamEdit {
  return (items) => {
    const at = positionOf(items, n);
    return [...items.slice(0, at), event, ...items.slice(at)];
  };
}

/** Takes the n-th event (from 0) out. */
export function dropEvent(n: number): StreamEdit {
  return (items) => {
    const at = positionOf(items, n);
    return items.filter((_, index) => index !== at);
  };
}

/** Rewrites the data of the n-th event (from 0). */
export function editEvent(n: number, rewrite: (data: string) => string): StreamEdit {
  return (items) => {
    const at = positionOf(items, n);
    return items.map((item, index) =>
      index === at && !isGate(item) ? { ...item, data: rewrite(item.data) } : item,
    );
  };
}

/** Cuts the JSON of the n-th event (from 0) in half. */
export function badJson(n: number): StreamEdit {
  return editEvent(n, (data) => data.slice(0, Math.ceil(data.length / 2)));
}

/** Rewrites the JSON of every event that has any. */
export function editEach(rewrite: (data: JsonObject) => unknown): StreamEdit {
  return (items) =>
    items.map((item) =>
      isGate(item) || !item.data.startsWith("{")
        ? item
        : { ...item, data: JSON.stringify(rewrite(JSON.parse(item.data) as JsonObject)) },
    );
}

/** To spread into a chat answer: all its `choices` are empty, streamed or not. */
export const EMPTY_CHOICES: Pick<Answer, "edits" | "editBody"> = {
  edits: [editEach((chunk) => ({ ...chunk, choices: [] }))],
  editBody: (body) => ({ ...body, choices: [] }),
};

function positionOf(items: readonly StreamItem[], n: number): number {
  const positions = items.flatMap((item, index) => (isGate(item) ? [] : [index]));
  return positions[n] ?? items.length;
}
