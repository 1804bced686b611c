/** A token count from an upstream; what is missing or no sensible number counts as 0. */
export function tokenCount(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value) ? Math.floor(value) : 0;
}
