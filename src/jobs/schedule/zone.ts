import { LAST_INSTANT, type Occurrence } from "../../domain/schedule.ts";

const HOUR_MS = 60 * 60 * 1000;
/** The largest jump of any zone. */
const FURTHEST_JUMP_MS = 26 * HOUR_MS;

/** A time zone's local clock. Local times are ms as if the clock were UTC: 1970-01-01T09:00 is 32,400,000. */
export class Zone {
  readonly #format: Intl.DateTimeFormat;

  /** @throws RangeError for an unknown zone. */
  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  /** Returns the local time of an instant, whole seconds. */
  localAt(at: number): number {
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] =
      this.#format.format(at).match(/\d+/g)?.map(Number) ?? [];
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /** Returns the zone's offset from UTC at an instant, ms. */
  offsetAt(at: number): number {
    return this.localAt(at) - Math.floor(at / 1000) * 1000;
  }

  /** Formats an instant as ISO 8601 with the zone's offset, whole seconds. */
  print(at: number): string {
    const offsetMinutes = Math.round(this.offsetAt(at) / 60_000);
    const local = new Date(this.localAt(at)).toISOString().slice(0, 19);
    const size = Math.abs(offsetMinutes);
    const pad = (value: number) => String(value).padStart(2, "0");
    return `${local}${offsetMinutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
  }

  /** Returns the instants of a local time, earliest first; if it is skipped, the instant when the clock goes on. */
  meaningsOf(local: number): [Occurrence, ...Occurrence[]] {
    const offsets = this.#offsetsAround(local);
    const shown = offsets.map((offset) => local - offset).filter((at) => this.localAt(at) === local);
    const [first, second] = [...new Set(shown)].sort((a, b) => a - b);
    if (first === undefined) return [{ at: this.#endOfGap(local, offsets), clock: "gap" }];
    if (second === undefined) return [{ at: first, clock: "plain" }];
    return [
      { at: first, clock: "first" },
      { at: second, clock: "second" },
    ];
  }

  /**
   * Returns a local time such that all instants after `at` are shown from it on: when the clock is set back, earlier
   * ones return.
   */
  localBefore(at: number): number {
    const now = this.offsetAt(at);
    const then = this.offsetAt(at + FURTHEST_JUMP_MS);
    const comesAgain = then < now && this.offsetAt(at + now - then) === then;
    return at + (comesAgain ? then : now);
  }

  #offsetsAround(at: number): number[] {
    const near = [-FURTHEST_JUMP_MS, 0, FURTHEST_JUMP_MS].map((shift) => this.offsetAt(at + shift));
    return [...new Set(near)];
  }

  /** Returns the instant at which the clock jumps over a local time. */
  #endOfGap(local: number, offsets: readonly number[]): number {
    let before = local - Math.max(...offsets);
    let after = local - Math.min(...offsets);
    while (after - before > 1000) {
      const middle = Math.floor((before + after) / 2000) * 1000;
      if (this.localAt(middle) < local) before = middle;
      else after = middle;
    }
    return after;
  }
}

/** Returns zones by name; each is created once, because creating one takes ten times as long as using it. */
export function createZones(): (name: string) => Zone {
  const zones = new Map<string, Zone>();
  return (name) => {
    const zone = zones.get(name) ?? new Zone(name);
    zones.set(name, zone);
    return zone;
  };
}

/**
 * Formats instants as ISO 8601 with the offset of a zone, whole seconds; instants beyond the last valid one as that
 * one.
 */
export function createPrinter(): (at: number, timezone: string) => string {
  const zoneOf = createZones();
  // A job that was stored before this limit existed must not make a whole list unreadable.
  return (at, timezone) => zoneOf(timezone).print(Math.min(at, LAST_INSTANT));
}
