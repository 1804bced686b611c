import { type Gate, isGate } from "./gate.ts";
import type { Answer, Content, Deltas, ScriptedCall } from "./script.ts";

/** One thing the model makes, with its deltas. */
export type Block =
  | { type: "text" | "refusal"; deltas: readonly Delta[] }
  | { type: "reasoning"; deltas: readonly Delta[]; signature: string | undefined }
  | { type: "redacted"; data: string }
  /** `place`: the how-manieth call of the answer, from 0. */
  | { type: "call"; place: number; id: string | undefined; name: string; deltas: readonly Delta[] };

/** A delta, or a place where the stream waits. */
export type Delta = string | Gate;

/** What happens to a block while it is streamed; `index` is its place among all blocks. */
export type Piece =
  | { type: "begin" | "end"; index: number; block: Block }
  | { type: "delta"; index: number; block: Block; text: string };

/** The blocks of an answer, in the order in which the model begins them. */
export function blocksOf(answer: Answer): Block[] {
  const contents: readonly Content[] = [answer, ...(answer.more ?? [])];
  const blocks = contents.flatMap((content) => blocksOfContent(content, answer.deltas ?? "words"));
  const ordered = answer.interleave === true ? callsLast(blocks) : blocks;
  let calls = 0;
  return ordered.map((block) => (block.type === "call" ? { ...block, place: calls++ } : block));
}

/** The whole of an answer as it is streamed. */
export function piecesOf(answer: Answer): (Piece | Gate)[] {
  const blocks = blocksOf(answer);
  const tracks = blocks.map((block, index) => trackOf(block, index));
  if (answer.interleave !== true) return tracks.flat();
  const firstCall = blocks.findIndex((block) => block.type === "call");
  const calls = firstCall === -1 ? blocks.length : firstCall;
  return [...tracks.slice(0, calls).flat(), ...inTurn(tracks.slice(calls))];
}

/** The text of a block as one. */
export function textOfBlock(block: Exclude<Block, { type: "redacted" }>): string {
  return block.deltas.filter((delta) => !isGate(delta)).join("");
}

/** All gates in an answer: one that is not streamed waits for them before it begins. */
export function gatesOf(answer: Answer): Gate[] {
  return piecesOf(answer).filter(isGate);
}

function blocksOfContent(content: Content, size: "words" | "whole" | number): Block[] {
  const blocks: Block[] = [];
  const { reasoning, signature, redacted, text, refusal, toolCalls = [] } = content;
  if (reasoning !== undefined) {
    blocks.push({ type: "reasoning", deltas: deltasOf(reasoning, size), signature });
  }
  if (redacted !== undefined) blocks.push({ type: "redacted", data: redacted });
  if (text !== undefined) blocks.push({ type: "text", deltas: deltasOf(text, size) });
  if (refusal !== undefined) blocks.push({ type: "refusal", deltas: deltasOf(refusal, size) });
  for (const call of toolCalls) {
    const deltas = deltasOf(argumentsOf(call), size);
    blocks.push({ type: "call", place: 0, id: call.id, name: call.name, deltas });
  }
  return blocks;
}

function argumentsOf({ arguments: value = {} }: ScriptedCall): Deltas {
  return typeof value === "string" || isDeltaList(value) ? value : JSON.stringify(value);
}

// Array.isArray does not narrow a readonly array out of a union.
function isDeltaList(value: object): value is readonly Delta[] {
  return Array.isArray(value);
}

function deltasOf(deltas: Deltas, size: "words" | "whole" | number): readonly Delta[] {
  if (typeof deltas !== "string") return deltas;
  if (size === "whole") return deltas === "" ? [] : [deltas];
  if (size === "words") return deltas.match(/\s*\S+|\s+$/g) ?? [];
  const characters = Array.from(deltas);
  const count = Math.ceil(characters.length / size);
  return Array.from({ length: count }, (_, n) => characters.slice(n * size, (n + 1) * size).join(""));
}

function callsLast(blocks: readonly Block[]): Block[] {
  const isCall = (block: Block) => block.type === "call";
  return [...blocks.filter((block) => !isCall(block)), ...blocks.filter(isCall)];
}

function trackOf(block: Block, index: number): (Piece | Gate)[] {
  const deltas = block.type === "redacted" ? [] : block.deltas;
  return [
    { type: "begin", index, block },
    ...deltas.map((delta): Piece | Gate =>
      isGate(delta) ? delta : { type: "delta", index, block, text: delta },
    ),
    { type: "end", index, block },
  ];
}

function inTurn<Entry>(tracks: readonly (readonly Entry[])[]): Entry[] {
  const longest = Math.max(0, ...tracks.map((track) => track.length));
  return Array.from({ length: longest }, (_, n) => tracks.flatMap((track) => track.slice(n, n + 1))).flat();
}
