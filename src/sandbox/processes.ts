import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";

const PROC = "/proc";
/** Reading from /proc waits for no disk, and goes faster than what it looks at can multiply; yet other work has its turns. */
const LOOK_TOGETHER = 64;
const MAX_ROUNDS = 100;
/** Processes that have nothing to do with the command can look unclear too. */
const MAX_UNCLEAR_ROUNDS = 5;
const BETWEEN_ROUNDS_MS = 2;
const HIDDEN = Buffer.from("hidden");
/** The kernel's PF_KTHREAD. */
const KERNEL_THREAD = 0x20_0000;

/**
 * Kills a process group and all that its processes started: what still has its parent, and daemons that left both
 * the group and their parents but have the marker in their environment. Looks again until there is none. Without
 * Linux's /proc only the group is found.
 */
export async function killAll(leader: number, marker: string): Promise<void> {
  // Stopped before it is killed: a tree that is killed from the top loses the links by which its branches are found.
  signalProcess(-leader, "SIGSTOP");
  let unclear = 0;
  for (let round = 0; round < MAX_ROUNDS && unclear < MAX_UNCLEAR_ROUNDS; round++) {
    const scan = await scanSince(leader, marker);
    if (round === 0) signalProcess(-leader, "SIGKILL");
    const found = withDescendants(scan);
    for (const pid of found) signalProcess(pid, "SIGKILL");
    if (found.size === 0 && scan.unclear === 0) return;
    if (found.size === 0) unclear++;
    await delay(BETWEEN_ROUNDS_MS);
  }
}

interface Scan {
  leader: number;
  marked: number[];
  /** The other processes by their parents. */
  children: Map<number, number[]>;
  /**
   * How many ended while they were looked at, perhaps after starting another that was not seen, or were just being
   * replaced by another program and showed no environment for that moment.
   */
  unclear: number;
}

/** Looks at the processes that are younger than the leader, for nothing that it started can be older. */
async function scanSince(leader: number, marker: string): Promise<Scan> {
  const scan: Scan = { leader, marked: [], children: new Map(), unclear: 0 };
  for (const [index, pid] of pidsSince(leader).entries()) {
    if (index > 0 && index % LOOK_TOGETHER === 0) await nextTurn();
    try {
      look(scan, pid, marker);
    } catch {
      scan.unclear++;
    }
  }
  return scan;
}

function look(scan: Scan, pid: number, marker: string): void {
  const environment = environmentOf(pid);
  if (environment.includes(marker)) {
    // It must not start another one while the rest is looked at.
    signalProcess(pid, "SIGSTOP");
    scan.marked.push(pid);
    return;
  }
  const [state, parent, , , , , flags] = statOf(pid);
  const siblings = scan.children.get(Number(parent));
  if (siblings === undefined) scan.children.set(Number(parent), [pid]);
  else siblings.push(pid);
  const isOver = state === "Z" || state === "X" || (Number(flags) & KERNEL_THREAD) !== 0;
  if (environment.length === 0 && !isOver) scan.unclear++;
}

function withDescendants({ leader, marked, children }: Scan): Set<number> {
  const found = new Set([...marked, ...(children.get(leader) ?? [])]);
  // The set grows while it is walked.
  for (const ancestor of found) for (const pid of children.get(ancestor) ?? []) found.add(pid);
  return found;
}

/** All processes with an id given out since the leader's; ids are given out in a circle. */
function pidsSince(leader: number): number[] {
  try {
    const newest = Number(readFileSync(`${PROC}/loadavg`, "utf8").trim().split(" ").at(-1));
    const pids = readdirSync(PROC).map(Number).filter(Number.isInteger);
    if (newest >= leader) return pids.filter((pid) => pid > leader && pid <= newest);
    return pids.filter((pid) => pid > leader || pid <= newest);
  } catch {
    // A system without Linux's /proc.
    return [];
  }
}

/** Another user's environment cannot be read; what runs under another user is none of the command's processes. */
function environmentOf(pid: number): Buffer {
  try {
    return readFileSync(`${PROC}/${pid}/environ`);
  } catch (error) {
    if (codeOf(error) === "EACCES" || codeOf(error) === "EPERM") return HIDDEN;
    throw error;
  }
}

/** The fields of a process's `stat` after its name, which stands in brackets and may hold anything. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`${PROC}/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself, or it changed its user, and only root could end it.
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "EPERM") throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
