import type { Measured } from "./measure/measure.ts";
import type { Aim, Line } from "./row.ts";
import { isDisturbed, type RowResult, type RunResult } from "./run.ts";
import { median } from "./stats.ts";
import type { TargetName } from "./targets.ts";

/** One line of the table, with all that was measured for it. */
export interface ReportLine {
  row: string;
  label: string;
  unit: string;
  relay: number;
  server: number;
  relayRounds: number[];
  serverRounds: number[];
  ratio: number;
  aim: string;
  /** Undefined when there is no aim or nothing to hold against it. */
  ok: boolean | undefined;
  digits: number;
}

const SATURATED = 0.92;

function metricOf(measured: Measured | undefined, line: Line): number {
  return measured?.metrics[line.metric] ?? Number.NaN;
}

/** A target's number of each round; of an added one, less that of the direct request in the same round. */
function valuesOf({ rounds }: RowResult, line: Line, name: TargetName): number[] {
  return rounds[name].map((measured, round) => {
    const value = metricOf(measured, line);
    return line.added ? value - metricOf(rounds.direct[round], line) : value;
  });
}

/** Medians over the rounds; ratio and difference are taken within each round, for a machine drifts between them. */
interface Medians {
  relay: number;
  server: number;
  ratio: number;
  difference: number;
}

function mediansOf(relay: readonly number[], server: readonly number[]): Medians {
  const paired = (combine: (relay: number, server: number) => number): number =>
    median(server.map((value, round) => combine(relay[round] ?? Number.NaN, value)));
  return {
    relay: median(relay),
    server: median(server),
    ratio: paired((r, s) => s / r),
    difference: paired((r, s) => s - r),
  };
}

/** The rounds in which nobody was disturbed, when they are at least half of them; else all. */
function roundsUsed({ rounds }: RowResult): Set<number> {
  const all = Array.from(
    { length: Math.max(rounds.relay.length, rounds.server.length) },
    (_, round) => round,
  );
  const calm = all.filter((round) => {
    const windows = [rounds.relay[round], rounds.server[round]];
    return windows.every((measured) => measured === undefined || !isDisturbed(measured));
  });
  return new Set(calm.length * 2 >= all.length ? calm : all);
}

function isMet(aim: Aim, { server, ratio, difference }: Medians): boolean | undefined {
  const orUnknown = (value: number, met: boolean): boolean | undefined =>
    Number.isNaN(value) ? undefined : met;
  switch (aim.must) {
    case "ratioAtLeast":
      return orUnknown(ratio, ratio >= aim.value);
    case "ratioAtMost":
      return orUnknown(ratio, ratio <= aim.value);
    case "atMost":
      return orUnknown(server, server <= aim.value);
    case "atLeast":
      return orUnknown(server, server >= aim.value);
    case "aboveRelayAtMost":
      return orUnknown(difference, difference <= aim.value);
  }
}

function aimText({ aim, unit }: Line): string {
  switch (aim?.must) {
    case "ratioAtLeast":
      return `≥ ${aim.value.toFixed(2)}×`;
    case "ratioAtMost":
      return `≤ ${aim.value.toFixed(2)}×`;
    case "atMost":
      return `≤ ${aim.value}${unit === "" ? "" : ` ${unit}`}`;
    case "atLeast":
      return `≥ ${aim.value.toLocaleString("en-US")}${unit}`;
    case "aboveRelayAtMost":
      return `≤ relay + ${aim.value} ${unit}`;
    case undefined:
      return "";
  }
}

function reportLine(result: RowResult, line: Line): ReportLine {
  const relayRounds = valuesOf(result, line, "relay");
  const serverRounds = valuesOf(result, line, "server");
  const used = roundsUsed(result);
  const medians = mediansOf(
    relayRounds.filter((_, round) => used.has(round)),
    serverRounds.filter((_, round) => used.has(round)),
  );
  return {
    row: result.row.id,
    label: line.label,
    unit: line.unit,
    relay: medians.relay,
    server: medians.server,
    relayRounds,
    serverRounds,
    ratio: medians.ratio,
    aim: aimText(line),
    ok: line.aim === undefined ? undefined : isMet(line.aim, medians),
    digits: line.digits,
  };
}

export function reportLines({ rows, errorCount }: RunResult): ReportLine[] {
  const lines = rows.flatMap((result) => result.row.lines.map((line) => reportLine(result, line)));
  const errors = {
    row: "errors",
    label: "errors, all rows and warm-up",
    unit: "",
    relay: Number.NaN,
    server: errorCount,
  };
  const rest = { relayRounds: [], serverRounds: [errorCount], ratio: Number.NaN, digits: 0 };
  return [...lines, { ...errors, ...rest, aim: "0", ok: errorCount === 0 }];
}

function number(value: number, { digits, unit }: ReportLine): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return "never";
  const text = value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return unit === "" || unit === "/s" ? `${text}${unit}` : `${text} ${unit}`;
}

/** The headings of a table; the first column of numbers is the relay, or another build. */
function headings(other: string): string[] {
  return ["", other, "server", "ratio", "aim", ""];
}

function cells(line: ReportLine): string[] {
  const ratio = Number.isFinite(line.ratio) && line.unit !== "" ? `${line.ratio.toFixed(2)}×` : "";
  const verdict = line.ok === undefined ? "" : line.ok ? "ok" : "MISS";
  return [line.label, number(line.relay, line), number(line.server, line), ratio, line.aim, verdict];
}

export function textTable(lines: readonly ReportLine[], other: string): string {
  const all = [headings(other), ...lines.map(cells)];
  const widths = headings(other).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const rightAligned = new Set([1, 2, 3]);
  return all
    .map((row) =>
      row
        .map((cell, column) =>
          rightAligned.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function markdownTable(lines: readonly ReportLine[], other: string): string {
  const head = [`| row | ${other} | server | ratio | aim | |`, "|---|---:|---:|---:|---|---|"];
  const body = lines.map((line) => {
    const [label = "", ...rest] = cells(line);
    // Lines of the same row are indented in the text table; Markdown drops spaces.
    const first = label.startsWith("  ") ? `… ${label.trim()}` : label;
    return `| ${[first, ...rest].map((cell) => (cell === "MISS" ? "**MISS**" : cell)).join(" | ")} |`;
  });
  return [...head, ...body].join("\n");
}

function limitNote(rows: readonly RowResult[]): string[] {
  const best = (id: string, metric: string): string | undefined => {
    const values = rows
      .find((each) => each.row.id === id)
      ?.rounds.direct.map((each) => each.metrics[metric] ?? Number.NaN);
    const value = median(values ?? []);
    return Number.isNaN(value) ? undefined : Math.round(value).toLocaleString("en-US");
  };
  const parts = [
    ["plain-32", "perSecond", "turns/s at 32 connections"],
    ["plain-256", "perSecond", "turns/s at 256"],
    ["tokens-64", "tokensPerSecond", "tokens/s on 64 streams"],
  ].flatMap(([id = "", metric = "", unit]) => {
    const value = best(id, metric);
    return value === undefined ? [] : [`${value} ${unit}`];
  });
  if (parts.length === 0) return [];
  return [
    `Generator and upstream with nothing between: ${parts.join(", ")}. A number near these is the harness's own.`,
  ];
}

function unsaturated({ row, rounds }: RowResult): string[] {
  if (!row.saturates) return [];
  return (["relay", "server"] as const).flatMap((name) => {
    const busy = median(rounds[name].map((measured) => measured.busy ?? Number.NaN));
    if (Number.isNaN(busy) || busy >= SATURATED) return [];
    return [
      `${row.id}: the ${name} used ${Math.round(busy * 100)} % of its core; it waited, for the load or for others.`,
    ];
  });
}

function disturbed(rows: readonly RowResult[]): string[] {
  const windows = rows.flatMap(({ row, rounds }) =>
    [...rounds.relay, ...rounds.server].map((measured) => ({ id: row.id, measured })),
  );
  const bad = windows.filter(({ measured }) => isDisturbed(measured));
  if (bad.length === 0) return [];
  const worst = Math.round(Math.max(...bad.map(({ measured }) => measured.foreign ?? 0)) * 100);
  const ids = [...new Set(bad.map(({ id }) => id))].join(", ");
  return [
    `Other processes used up to ${worst} % of a core in ${bad.length} of ${windows.length} windows (${ids}); such rounds are left out where at least half are calm. Better: run it again alone.`,
  ];
}

/** What a reader must know beside the numbers. */
export function reportNotes(result: RunResult): string[] {
  return [
    ...limitNote(result.rows),
    ...result.rows.flatMap(unsaturated),
    ...disturbed(result.rows),
    ...result.notes,
    ...result.errors.map((error) => `ERROR ${error}`),
  ];
}
