import type { ModelOptions } from "./fields.ts";

const EFFORTS = /^(none|minimal|low|medium|high|xhigh|max|ultra)$/;

/** hermes' own form; an effort that it does not know it ignores. */
export function hermesEffort(options: ModelOptions): string | undefined {
  if (options?.reasoning?.enabled === false) return "none";
  const effort = options?.reasoning?.effort ?? options?.reasoning_effort;
  return effort !== null && effort !== undefined && EFFORTS.test(effort) ? effort : undefined;
}

/** hermes' own form of a service tier. */
export function hermesTier(options: ModelOptions): string | undefined {
  return options?.service_tier ?? (options?.fast ? "priority" : undefined);
}
