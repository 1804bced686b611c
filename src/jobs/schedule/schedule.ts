import { Cron } from "croner";
import { LAST_INSTANT, type Occurrence, type Schedule } from "../../domain/schedule.ts";
import { Zone } from "./zone.ts";

/** A schedule that can be asked when it is due. */
export interface Calendar {
  /** The next time after an instant; undefined when there is none any more. */
  next(after: number): Occurrence | undefined;
}

/**
 * Reads a schedule. For times of day: one that the clock skips is due when the clock goes on; one that comes twice is
 * due the first time, unless the hour is `*` or `*` with a step: then each time.
 * `zoneOf` makes zones, or has them. @throws Error for a cron expression or zone that cannot be.
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

/** The times of a schedule after `from`, up to and including `to`, at most `limit`. */
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

/** Beyond this a schedule is due no more: some leap day rules are due every 40 years. */
const HORIZON_MS = 45 * 366 * 24 * 60 * 60 * 1000;

/**
 * The library's arithmetic on a clock without jumps, and our rule for where the zone's clock jumps: its own would leave
 * out or repeat times otherwise.
 */
class CronCalendar implements Calendar {
  readonly #cron: Cron;
  readonly #zone: Zone;
  readonly #isEachTime: boolean;

  constructor(expr: string, zone: Zone) {
    // Not by the zone's name: the library would ask for the time of day by a formatter then, a hundred times as long.
    this.#cron = new Cron(expr, { utcOffset: 0, paused: true });
    this.#zone = zone;
    this.#isEachTime = hourField(expr).startsWith("*");
  }

  next(after: number): Occurrence | undefined {
    let best: Occurrence | undefined;
    // Of the local times in order, the first meanings come in order, too; the second ones later than they.
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
