import type { Aim, Line } from "./row.ts";

/** Turns per second. */
export const rate = (label: string, aim?: Aim): Line => ({
  label,
  metric: "perSecond",
  unit: "/s",
  digits: 0,
  ...(aim ? { aim } : {}),
});
/** CPU time of one turn. */
export const cpu = (label: string, aim?: Aim): Line => ({
  label,
  metric: "cpuPerTurn",
  unit: "µs",
  digits: 1,
  ...(aim ? { aim } : {}),
});
