interface Field {
  low: number;
  high: number;
  /** From `low` on. */
  names?: readonly string[];
}

const SIXTY: Field = { low: 0, high: 59 };
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** Seconds, minute, hour, day, month, weekday. */
const FIELDS: readonly Field[] = [
  SIXTY,
  SIXTY,
  { low: 0, high: 23 },
  { low: 1, high: 31 },
  { low: 1, high: 12, names: MONTHS },
  { low: 0, high: 6, names: DAYS },
];

/**
 * Rewrites cron expressions that hermes' library reads and ours does not, with the same times: ranges that wrap
 * around (`22-2`, `fri-mon`), a start with a step (`5/15`), the last weekday of a month (`L5`), the weekday nearest
 * to a day (`W15`). Everything else is left as it is.
 * @see https://github.com/pallets-eco/croniter
 */
export function plainCron(expr: string): string {
  const fields = expr.split(" ");
  if (fields.length !== 5 && fields.length !== 6) return expr;
  const first = FIELDS.length - fields.length;
  return fields.map((text, i) => plainField(text, FIELDS[first + i] ?? SIXTY)).join(" ");
}

/** Hermes' library has the seconds last, ours has them first. */
export function secondsFirst(expr: string): string {
  const fields = expr.trim().split(/\s+/);
  return fields.length === 6 ? [...fields.slice(-1), ...fields.slice(0, -1)].join(" ") : expr;
}

function plainField(text: string, field: Field): string {
  return text
    .split(",")
    .map((part) => plainPart(part, field))
    .join(",");
}

function plainPart(part: string, field: Field): string {
  const [, last] = field.names === DAYS ? (/^l([0-7])$/i.exec(part) ?? []) : [];
  if (last !== undefined) return `${last}#L`;
  const [, nearest] = /^w(\d{1,2})$/i.exec(part) ?? [];
  if (nearest !== undefined) return `${nearest}W`;
  const [, from = "", to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,2}))?$/.exec(part) ?? [];
  if (Number(step) === 0) return part;
  return (
    (to === undefined ? plainStart({ from, step }, field) : plainRange({ from, to, step }, field)) ?? part
  );
}

/** A start with a step runs to the end of the field; if the first step leaves the field, it is the start alone. */
function plainStart(
  { from, step }: { from: string; step: string | undefined },
  field: Field,
): string | undefined {
  if (step === undefined) return undefined;
  if (from === "*") return Number(step) > field.high - field.low ? `${field.low}` : undefined;
  const low = readCronNumber(from, field);
  if (low === undefined || low > field.high) return undefined;
  return Number(step) > field.high - low ? `${low}` : `${low}-${field.high}/${step}`;
}

function plainRange(
  { from, to, step }: { from: string; to: string; step: string | undefined },
  field: Field,
): string | undefined {
  const [low, high] = [readCronNumber(from, field), readCronNumber(to, field)];
  if (low === undefined || high === undefined || high >= low) return undefined;
  if (low <= field.high) return aroundTheEnd({ low, high, step: Number(step ?? 1) }, field).join(",");
  // Sunday is also 7.
  return field.names === DAYS && low === 7 ? `0-${high}${step === undefined ? "" : `/${step}`}` : undefined;
}

/** Returns the values of a range that wraps around; as in that library, the step restarts after the end. */
function aroundTheEnd(
  { low, high, step }: { low: number; high: number; step: number },
  field: Field,
): number[] {
  const values: number[] = [];
  for (let value = low; value <= field.high; value += step) values.push(value);
  const left = field.high - (values.at(-1) ?? low);
  const size = field.high - field.low + 1;
  const place = size - 1 - left;
  const skipped = place + step > size && left < step ? step - left : 0;
  for (let value = field.low + skipped; value <= high; value += step) values.push(value);
  return values;
}

function readCronNumber(text: string, { low, names }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return low + named;
  return /^\d{1,2}$/.test(text) ? Number(text) : undefined;
}
