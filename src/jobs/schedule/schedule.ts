import { Cron } from "croner";
import { LAST_INSTANT, type Occurrence, type Schedule } from "../../domain/schedule.ts";
import { Zone } from "./zone.ts";

/** A schedule that can be asked for its times. */
export interface Calendar {
  /** Returns the next time after an instant; undefined if there is none. */
  next(after: number): Occurrence | undefined;
}

/**
 * Creates the calendar of a schedule. For times of day: a time that the clock skips is due when the clock goes on; a
 * time that comes twice is due the first time, unless the hour is `*` (with or without a step): then both times.
 * `zoneOf` returns zones.
 * @throws Error for an invalid cron expression or zone.
 */
export function toCalendar(schedule: Schedule, zoneOf = (name: string) => new Zone(name)): Calendar {
  switch (schedule.kind) {
    case "cron":
      return new CronCalendar(schedule.expr, zoneOf(schedule.timezone));
    case "interval": {
      const { everyMs, anchorAt } = schedule;
      return {
        next: (after) => {
          const passed = Math.max(0, Math.floor((after - anchorAt) / everyMs));
          const at = anchorAt + (passed + 1) * everyMs;
          return at > LAST_INSTANT ? undefined : { at, clock: "plain" };
        },
      };
    }
    case "once": {
      const { runAt } = schedule;
      return { next: (after) => (runAt > after ? { at: runAt, clock: "plain" } : undefined) };
    }
  }
}

/** Lists the times of a schedule after `from`, up to and including `to`, at most `limit`. */
export function listOccurrences(
  calendar: Calendar,
  { from, to, limit }: { from: number; to: number; limit: number },
): Occurrence[] {
  const found: Occurrence[] = [];
  for (let after = from; found.length < limit; ) {
    const next = calendar.next(after);
    if (next === undefined || next.at > to) break;
    found.push(next);
    after = next.at;
  }
  return found;
}

/** How far ahead to search: some leap day rules are due every 40 years. */
const HORIZON_MS = 45 * 366 * 24 * 60 * 60 * 1000;

/**
 * Uses the library on a clock without jumps, and our own rule where the zone's clock jumps: the library would skip or
 * repeat times.
 */
class CronCalendar implements Calendar {
  readonly #cron: Cron;
  readonly #zone: Zone;
  readonly #isEachTime: boolean;

  constructor(expr: string, zone: Zone) {
    // Not by the zone's name: the library would then format each time, which takes a hundred times as long.
    this.#cron = new Cron(expr, { utcOffset: 0, paused: true });
    this.#zone = zone;
    this.#isEachTime = hourField(expr).startsWith("*");
  }

  next(after: number): Occurrence | undefined {
    let best: Occurrence | undefined;
    // The first instants of increasing local times increase, too; the second ones come later.
    for (const local of this.#localsFrom(this.#zone.localBefore(after) - 1000)) {
      const [first, second] = this.#zone.meaningsOf(local);
      if (best !== undefined && first.at >= best.at) return best;
      best = earlier(best, first.at > after ? first : undefined);
      if (this.#isEachTime && second !== undefined && second.at > after) best = earlier(best, second);
    }
    return best;
  }

  *#localsFrom(start: number): Generator<number> {
    const horizon = Math.min(start + HORIZON_MS, LAST_INSTANT);
    let last = new Date(Math.floor(start / 1000) * 1000);
    for (;;) {
      const next = this.#cron.nextRun(last);
      if (next === null || next.getTime() > horizon) return;
      yield next.getTime();
      last = next;
    }
  }
}

function earlier(a: Occurrence | undefined, b: Occurrence | undefined): Occurrence | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.at < a.at ? b : a;
}

const NICKNAMES: Readonly<Record<string, string>> = {
  "@hourly": "*",
};

function hourField(expr: string): string {
  const fields = expr.trim().split(/\s+/);
  if (fields.length === 1) return NICKNAMES[fields[0]?.toLowerCase() ?? ""] ?? "0";
  return fields.at(fields.length === 6 ? 2 : 1) ?? "";
}
