import type { Delivery } from "../domain/delivery.ts";
import type { DeliveryError } from "./channel.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** The delay before each further attempt; after the last one the delivery has failed. */
const DELAYS_MS = [5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS];
/** Share of the delay that is random, so that deliveries that failed together do not return together. */
const SPREAD = 0.2;
/** The longest delay before an attempt. */
export const LONGEST_DELAY_MS = HOUR_MS * (1 + SPREAD);
const MAX_ERROR_CHARS = 500;

/** Returns a delivery after a failed attempt: pending with the time of its next attempt, or failed for good. */
export function afterFailure(
  { target, attempts: before }: Delivery,
  { message, retryAdvice }: DeliveryError,
  now: number,
): Delivery {
  const attempts = before + 1;
  const failed = { target, attempts, error: message.slice(0, MAX_ERROR_CHARS) };
  const delayMs = DELAYS_MS[before];
  if (retryAdvice.isFinal === true || delayMs === undefined) return { ...failed, status: "failed" };
  const spreadMs = delayMs * (1 + SPREAD * (2 * Math.random() - 1));
  const waitMs = Math.max(spreadMs, Math.min(HOUR_MS, retryAdvice.retryAfterMs ?? 0));
  return { ...failed, status: "pending", nextAt: Math.ceil(now + waitMs) };
}
