import { z } from "zod";

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
