import { z } from "zod";

/** Longest interval: a year of 365 days. */
export const MAX_INTERVAL_MS: number = 365 * 24 * 60 * 60 * 1000;
/** No instant that anybody names or that a schedule comes to lies after it: in every zone its year has four digits. */
export const LAST_INSTANT: number = Date.UTC(9999, 0, 1);

/** Whether an instant, epoch ms, can be stored and printed: from 1970 to the end of 9998. */
export function isInstant(at: number): boolean {
  return at >= 0 && at <= LAST_INSTANT;
}

/** When a job is due. Zones are IANA names, instants epoch ms, `display` is how a person would say it. */
export const Schedule = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("cron"),
    /** Five fields, or six with seconds first. */
    expr: z.string(),
    timezone: z.string(),
    display: z.string(),
  }),
  z.object({
    kind: z.literal("interval"),
    everyMs: z.int(),
    /** What it is counted from: it is due first one interval later. */
    anchorAt: z.number(),
    timezone: z.string(),
    display: z.string(),
  }),
  z.object({ kind: z.literal("once"), runAt: z.number(), timezone: z.string(), display: z.string() }),
]);
export type Schedule = z.infer<typeof Schedule>;

/** One time that a job is due. */
export interface Occurrence {
  /** The instant, epoch ms. */
  at: number;
  /**
   * How the local clock comes to it. `gap`: its own time is skipped that day, and it is due when the clock goes on;
   * `first` and `second`: that time comes twice.
   */
  clock: "plain" | "gap" | "first" | "second";
}
