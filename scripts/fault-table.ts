/** How long a run of the fault tests takes: for every change, a few minutes a row, or as often as is promised. */
export type Form = "quick" | "usual" | "full";

/** What one row's test printed. */
export interface RowResult {
  id: string;
  what: string;
  form: Form;
  n: number;
  failures: number;
  figure?: number;
  limit?: number;
  /** What the figure is. */
  of?: string;
  unit?: string;
}

const BEGIN = "<!-- faults: generated -->";
const END = "<!-- faults: end -->";
const HEAD = "| row | what is done | form | n | failures | figure | limit | |";
const RULE = "|---|---|---|---:|---:|---:|---:|---|";

/** Whether a row holds; figures may be `slack` times their limits. */
export function holds({ n, failures, figure, limit }: RowResult, slack = 1): boolean {
  return n > 0 && failures === 0 && (limit === undefined || (figure ?? Number.NaN) <= limit * slack);
}

/**
 * A guide with its table made anew: lines of rows that were run take the place of older ones of the same id and words,
 * the others stay. `isWhole`: all rows were run, so that others are gone.
 * @throws Error when the guide has no place for the table.
 */
export function withTable(
  guide: string,
  results: readonly RowResult[],
  { machine, isWhole }: { machine: string; isWhole: boolean },
): string {
  const [begin, end] = [guide.indexOf(BEGIN), guide.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the guide has no ${BEGIN} … ${END}`);
  const lines = new Map<string, string>();
  const old = guide.slice(begin, end).split("\n");
  if (!isWhole) for (const line of old) if (/^\| R-/.test(line)) lines.set(keyOf(line), line);
  for (const result of results) {
    const line = lineOf(result);
    lines.set(keyOf(line), line);
  }
  const rows = [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  const table = [BEGIN, "", `${machine}.`, "", HEAD, RULE, ...rows, "", ""].join("\n");
  return guide.slice(0, begin) + table + guide.slice(end);
}

/** A row as a line of the table. */
export function lineOf(result: RowResult): string {
  const { id, what, form, n, failures, figure, limit, of, unit } = result;
  const measured = figure === undefined ? "" : `${amount(figure, unit)} ${of ?? ""}`.trim();
  const most = limit === undefined ? "" : `≤ ${amount(limit, unit)}`;
  const cells = [
    id,
    what,
    form,
    amount(n),
    amount(failures),
    measured,
    most,
    holds(result) ? "ok" : "**MISS**",
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** Its id and what is done. */
function keyOf(line: string): string {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, 3)
    .join("|");
}

function amount(value: number, unit?: string): string {
  const number = value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
  return unit === undefined ? number : `${number} ${unit}`;
}
