/** More than any call can use; a run's sum of such counts is still exact. */
const MAX_TOKENS = 1e12;

/** Returns a token count from an upstream; a missing one, and one that is no sensible number, counts as 0. */
export function readTokenCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && value <= MAX_TOKENS ? Math.floor(value) : 0;
}

/** Longer than the name of any model. */
const MAX_MODEL_CHARS = 256;

/** Returns the model that an upstream says has answered; undefined when it gives no sensible name. */
export function readModelName(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= MAX_MODEL_CHARS ? value : undefined;
}
