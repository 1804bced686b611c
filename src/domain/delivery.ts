import { z } from "zod";

/** Where results go, apart from the job's history: `local`, `session:<id>` or `webhook:<url>`. */
export const Delivery = z.object({
  target: z.string(),
  /** `silent`: the result says that nobody needs to hear of it. */
  status: z.enum(["pending", "delivered", "failed", "silent"]),
  attempts: z.int(),
  /** While it is pending: not before, epoch ms. */
  nextAt: z.number().exactOptional(),
  /** Why the last attempt failed. */
  error: z.string().exactOptional(),
  /** Where a file lies, relative to the home. */
  file: z.string().exactOptional(),
});
export type Delivery = z.infer<typeof Delivery>;

/** What begins a target that is a URL. */
export const WEBHOOK = "webhook:";

/** Which of a fire's deliveries comes next; undefined when none is pending. */
export function nextDelivery(deliveries: readonly Delivery[]): Delivery | undefined {
  const pending = deliveries.filter(({ status }) => status === "pending");
  // A receiver may take its time: what stays in the house does not wait for it.
  const outside = ({ target }: Delivery) => Number(target.startsWith(WEBHOOK));
  return pending.toSorted((a, b) => (a.nextAt ?? 0) - (b.nextAt ?? 0) || outside(a) - outside(b))[0];
}

/** What deliveries share that wait for each other: of URLs the host, of which no secret is part. */
export function deliveryLane({ target }: Delivery): string {
  if (!target.startsWith(WEBHOOK)) return target;
  return WEBHOOK + (URL.parse(target.slice(WEBHOOK.length))?.host ?? "");
}
