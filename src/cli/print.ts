import { stripVTControlCharacters } from "node:util";

/** Text from elsewhere, with nothing in it that a terminal would obey. */
export function plainLines(text: string): string {
  return stripVTControlCharacters(text).replace(/(?![\n\t])\p{Cc}|\p{Bidi_Control}/gu, "");
}

/** The same on one line. */
export function printable(text: string): string {
  return plainLines(text).replace(/\s+/g, " ").trim();
}

const MAX_CELL_CHARS = 40;

/** Rows under headings, in columns of one width each; the last column is as wide as it is. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const last = headings.length - 1;
  const cut = (text: string, column: number) =>
    column === last || text.length <= MAX_CELL_CHARS ? text : `${text.slice(0, MAX_CELL_CHARS - 1)}…`;
  const all = [headings, ...rows.map((row) => row.map((text, column) => cut(printable(text), column)))];
  const widths = headings.map((_heading, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  ");
  return `${all.map((row) => line(row).trimEnd()).join("\n")}\n`;
}

/** Names and values, one a line; what has no value is left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | null | undefined])[]): string {
  const told = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, value]) => `${name.padEnd(width)}  ${printable(value ?? "")}\n`).join("");
}

/** `2027-05-01T09:00:00+02:00` as a person reads it. */
export function time(iso: string | null): string {
  return iso === null ? "-" : iso.replace("T", " ").replace(/(?=[+-]\d\d:\d\d$)/, " ");
}
