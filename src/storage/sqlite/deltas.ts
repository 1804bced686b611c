import type { EventOf } from "../../domain/event.ts";

type Delta = EventOf<"item.delta">;

/**
 * Deltas of one item that follow each other without a gap: `[item id, channel, first seq, texts, times]`. Merged ones
 * have one text and one time, those of the last, and then `[last seq, how many said something]`.
 */
export type PackedDeltas = [
  itemId: string,
  channel: Delta["channel"],
  firstSeq: number,
  texts: string[],
  ats: number[],
  merged?: [lastSeq: number, count: number],
];

/** Makes few arrays of many deltas. */
export function pack(deltas: readonly Delta[]): PackedDeltas[] {
  const packed: PackedDeltas[] = [];
  let open: PackedDeltas | undefined;
  for (const { itemId, channel, seq, delta, at } of deltas) {
    if (open === undefined || open[0] !== itemId || open[1] !== channel || open[2] + open[3].length !== seq) {
      open = [itemId, channel, seq, [], []];
      packed.push(open);
    }
    open[3].push(delta);
    open[4].push(at);
  }
  return packed;
}

/** The deltas of a row. */
export function unpack(runId: string, payload: string): Delta[] {
  return (JSON.parse(payload) as PackedDeltas[]).flatMap(([itemId, channel, from, texts, ats, merged]) => {
    const fixed = { runId, type: "item.delta" as const, itemId, channel };
    if (merged === undefined)
      return texts.map((delta, i): Delta => ({ ...fixed, seq: from + i, at: ats[i] ?? 0, delta }));
    const [seq, count] = merged;
    return [{ ...fixed, seq, at: ats[0] ?? 0, delta: texts[0] ?? "", merged: { from, count } }];
  });
}

/** Deltas on their way to be one, which will stand where the last of them stood. */
interface Group {
  packed: PackedDeltas;
  texts: string[];
  count: number;
  lastSeq: number;
  lastAt: number;
  /** Which row has the last of them. */
  row: number;
}

/** Merges what follows each other in the rows of one run; what is left is given by the row where it stands then. */
export function mergeRows(rows: readonly (readonly PackedDeltas[])[]): PackedDeltas[][] {
  const groups: Group[] = [];
  let open: Group | undefined;
  for (const [row, entries] of rows.entries()) {
    for (const entry of entries) {
      const [itemId, channel, firstSeq] = entry;
      const goesOn =
        open?.packed[0] === itemId && open.packed[1] === channel && open.lastSeq + 1 === firstSeq;
      if (open === undefined || !goesOn) {
        open = { packed: entry, texts: [], count: 0, lastSeq: 0, lastAt: 0, row };
        groups.push(open);
      }
      extendGroup(open, entry, row);
    }
  }
  const merged: PackedDeltas[][] = rows.map(() => []);
  for (const group of groups) merged[group.row]?.push(packedGroup(group));
  return merged;
}

function extendGroup(group: Group, [, , firstSeq, texts, ats]: PackedDeltas, row: number): void {
  for (const text of texts) {
    group.texts.push(text);
    if (text !== "") group.count++;
  }
  group.lastSeq = firstSeq + texts.length - 1;
  group.lastAt = ats.at(-1) ?? 0;
  group.row = row;
}

function packedGroup({ packed, texts, count, lastSeq, lastAt }: Group): PackedDeltas {
  const [itemId, channel, from] = packed;
  const whole: PackedDeltas = [itemId, channel, from, [texts.join("")], [lastAt]];
  if (texts.length > 1) whole.push([lastSeq, count]);
  return whole;
}
