import { readFileSync } from "node:fs";

/**
 * CPU and memory of a process as Linux counts them. Elsewhere every reading is NaN and the rows that need it say so.
 * @see https://man7.org/linux/man-pages/man5/proc.5.html
 */

/** The unit of CPU times in /proc: fixed at 100 per second in all interfaces to user space. */
const TICK_US = 10_000;

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "latin1");
  } catch {
    return undefined;
  }
}

/** User and system time of all threads, µs. */
export function cpuUs(pid: number): number {
  const stat = readProc(`${pid}/stat`);
  if (stat === undefined) return Number.NaN;
  // The second field is the name in parentheses and may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident memory, KB. */
export function rssKb(pid: number): number {
  const exact = /^Rss:\s+(\d+)/m.exec(readProc(`${pid}/smaps_rollup`) ?? "")?.[1];
  const rough = /^VmRSS:\s+(\d+)/m.exec(readProc(`${pid}/status`) ?? "")?.[1];
  return Number(exact ?? rough ?? Number.NaN);
}

export interface CoreTimes {
  /** Time in which the core worked for anybody, µs. */
  busyUs: number;
  /** Time that the machine's owner gave to others, µs. */
  stolenUs: number;
}

/** Times of one core, or of all of them. */
export function coreTimes(core?: number): CoreTimes {
  const name = core === undefined ? "cpu" : `cpu${core}`;
  const line = (readProc("stat") ?? "").split("\n").find((each) => each.startsWith(`${name} `));
  const [user = Number.NaN, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? "")
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busyUs: (user + nice + system + irq + softirq) * TICK_US, stolenUs: steal * TICK_US };
}
