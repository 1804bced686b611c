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
const NONE = Buffer.alloc(0);
/** The kernel's PF_KTHREAD and PF_EXITING. */
const KERNEL_THREAD = 0x20_0000;
const ENDING = 0x4;
/** Places in what `readStat` gives. */
const PARENT_FIELD = 1;
const FLAGS_FIELD = 6;
const START_FIELD = 19;

/**
 * Kills a process group and all that its processes started: what still has its parent, and daemons that left both
 * the group and their parents but have the marker in their environment. Looks again until there is none. Without
 * Linux's /proc only the group is found.
 */
export async function killAll(leader: number, marker: string): Promise<void> {
  // Stopped before it is killed: a tree that is killed from the top loses the links by which its branches are found.
  signalProcess(-leader, "SIGSTOP");
  await killFound({
    pids: () => pidsSince(leader),
    isMarked: (environment) => environment.includes(marker),
    parents: [leader],
    whenStopped: () => signalProcess(-leader, "SIGKILL"),
  });
}

/**
 * Kills the processes whose environment says so and all that they started, but never this process or one that it runs
 * in. How many were killed; without Linux's /proc none is found.
 */
export function killMarked(isMarked: (environment: Buffer) => boolean): Promise<number> {
  const spared = listAncestors(process.pid);
  const pids = () => allPids().filter((pid) => !spared.has(pid));
  return killFound({ pids, isMarked, parents: [], whenStopped: () => undefined });
}

/** When a process started, in the kernel's ticks; "0" when it is over or ending, or where there is no Linux. */
export function startTicks(pid: number): string {
  try {
    const stat = readStat(pid);
    return isDead(stat) || hasFlag(stat, ENDING) ? "0" : (stat[START_FIELD] ?? "0");
  } catch {
    return "0";
  }
}

/** What is to be killed. */
interface Wanted {
  /** Where to look. */
  pids(): number[];
  isMarked(environment: Buffer): boolean;
  /** Processes whose children are wanted, too. */
  parents: readonly number[];
  /** Called once, when all that was found at first has been stopped. */
  whenStopped(): void;
}

async function killFound(wanted: Wanted): Promise<number> {
  const killed = new Set<number>();
  let unclear = 0;
  for (let round = 0; round < MAX_ROUNDS && unclear < MAX_UNCLEAR_ROUNDS; round++) {
    const scan = await scanFor(wanted);
    if (round === 0) wanted.whenStopped();
    const found = withDescendants(scan, wanted.parents);
    for (const pid of found) {
      signalProcess(pid, "SIGKILL");
      killed.add(pid);
    }
    if (found.size === 0 && scan.unclear === 0) break;
    if (found.size === 0) unclear++;
    await delay(BETWEEN_ROUNDS_MS);
  }
  return killed.size;
}

interface Scan {
  marked: number[];
  /** The other processes by their parents. */
  children: Map<number, number[]>;
  /**
   * How many ended while they were looked at, perhaps after starting another that was not seen, or were just being
   * replaced by another program and showed no environment for that moment.
   */
  unclear: number;
}

async function scanFor(wanted: Wanted): Promise<Scan> {
  const scan: Scan = { marked: [], children: new Map(), unclear: 0 };
  for (const [index, pid] of wanted.pids().entries()) {
    if (index > 0 && index % LOOK_TOGETHER === 0) await nextTurn();
    try {
      look(scan, pid, wanted);
    } catch {
      scan.unclear++;
    }
  }
  return scan;
}

function look(scan: Scan, pid: number, { isMarked }: Wanted): void {
  const environment = readEnvironment(pid);
  if (isMarked(environment)) {
    // It must not start another one while the rest is looked at.
    signalProcess(pid, "SIGSTOP");
    scan.marked.push(pid);
    return;
  }
  const stat = readStat(pid);
  const parent = Number(stat[PARENT_FIELD]);
  const siblings = scan.children.get(parent);
  if (siblings === undefined) scan.children.set(parent, [pid]);
  else siblings.push(pid);
  if (environment.length === 0 && !isDead(stat) && !hasFlag(stat, KERNEL_THREAD)) scan.unclear++;
}

function isDead(stat: readonly string[]): boolean {
  return stat[0] === "Z" || stat[0] === "X";
}

function hasFlag(stat: readonly string[], flag: number): boolean {
  return (Number(stat[FLAGS_FIELD]) & flag) !== 0;
}

function withDescendants({ marked, children }: Scan, parents: readonly number[]): Set<number> {
  const found = new Set([...marked, ...parents.flatMap((parent) => children.get(parent) ?? [])]);
  // The set grows while it is walked.
  for (const ancestor of found) for (const pid of children.get(ancestor) ?? []) found.add(pid);
  return found;
}

/** The processes that are younger than the leader, for nothing that it started can be older; ids are given out in a circle. */
function pidsSince(leader: number): number[] {
  const newest = newestPid();
  if (newest >= leader) return allPids().filter((pid) => pid > leader && pid <= newest);
  return allPids().filter((pid) => pid > leader || pid <= newest);
}

/** The id that was given out last; 0 on a system without Linux's /proc. */
function newestPid(): number {
  try {
    return Number(readFileSync(`${PROC}/loadavg`, "utf8").trim().split(" ").at(-1));
  } catch {
    return 0;
  }
}

function allPids(): number[] {
  try {
    return readdirSync(PROC).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** A process and those that it runs in. */
function listAncestors(pid: number): Set<number> {
  const found = new Set<number>();
  try {
    for (let next = pid; next > 0 && !found.has(next); next = Number(readStat(next)[PARENT_FIELD]))
      found.add(next);
  } catch {
    // It ended meanwhile, or there is no /proc.
  }
  return found;
}

/**
 * Empty for kernel threads and what has ended. Another user's environment cannot be read; what runs under another user is
 * none of the command's processes.
 */
function readEnvironment(pid: number): Buffer {
  try {
    return readFileSync(`${PROC}/${pid}/environ`);
  } catch (error) {
    if (killErrorCode(error) === "ESRCH") return NONE;
    if (killErrorCode(error) === "EACCES" || killErrorCode(error) === "EPERM") return HIDDEN;
    throw error;
  }
}

/** The fields of a process's `stat` after its name, which stands in brackets and may hold anything. */
function readStat(pid: number): string[] {
  const stat = readFileSync(`${PROC}/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself, or it changed its user, and only root could end it.
    if (killErrorCode(error) !== "ESRCH" && killErrorCode(error) !== "EPERM") throw error;
  }
}

function killErrorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
