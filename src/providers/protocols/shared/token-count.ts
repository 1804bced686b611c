/** More than any call can cost; a run's sum of such counts is still exact. */
const MAX_TOKENS = 1e12;

/** A token count from an upstream; what is missing or no sensible number counts as 0. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && value <= MAX_TOKENS ? Math.floor(value) : 0;
}
