import type { Scenario } from "../scenarios.ts";

/** What the orchestrator asks of the generator, and what comes back: plain data over the process channel. */

/** Where the load goes. */
export interface Aim {
  port: number;
  key: string;
  /** The process whose CPU is read at both ends of the window; 0 for none. */
  pid: number;
  /** Where target and load run; undefined when nothing is pinned. */
  cores: Cores | undefined;
}

/** The two cores of a measurement and whom the second belongs to. */
export interface Cores {
  target: number;
  load: number;
  /** Orchestrator, generator and upstream. */
  loadPids: number[];
}

/** Closed loop: each connection asks again as soon as it has its answer. */
export interface LoopJob {
  do: "loop";
  aim: Aim;
  scenario: Scenario;
  stream: boolean;
  connections: number;
  /** Load before the window opens. */
  rampMs: number;
  windowMs: number;
}

/** Streams that all start before the window opens and end by themselves after it closed. */
export interface PacedJob {
  do: "paced";
  aim: Aim;
  streams: number;
  everyMs: number;
  rampMs: number;
  windowMs: number;
}

/** Opens streams that fall silent after one token, and keeps them. */
export interface HoldJob {
  do: "hold";
  aim: Aim;
  streams: number;
}

/** All held streams vanish at once. */
export interface VanishJob {
  do: "vanish";
}

/** Begins runs in the background. */
export interface BeginJob {
  do: "begin";
  aim: Aim;
  runs: number;
  scenario: Scenario;
}

/** Watches runs, evenly. */
export interface WatchJob {
  do: "watch";
  aim: Aim;
  runs: readonly string[];
  count: number;
  /** What each of the runs says. */
  scenario: Scenario;
  /** False: they ask and take nothing. */
  reads: boolean;
}

/** Waits for the end of all that is watched. */
export interface WatchedJob {
  do: "watched";
}

/** One answer, read in full and checked field by field. */
export interface ProbeJob {
  do: "probe";
  aim: Aim;
  scenario: Scenario;
  stream: boolean;
}

/** Processes that the generator ends if the orchestrator disappears. */
export interface GuardJob {
  do: "guard";
  pids: number[];
}

export type Job =
  | LoopJob
  | PacedJob
  | HoldJob
  | VanishJob
  | BeginJob
  | WatchJob
  | WatchedJob
  | ProbeJob
  | GuardJob;

/** What happened inside the window; times in ms, CPU in µs. */
export interface Window {
  elapsedMs: number;
  turns: number;
  tokens: number;
  /** CPU time of the target; NaN where it cannot be read. */
  cpuUs: number;
  /** Share of the target's core that the target used; NaN where it has none for itself. */
  busy: number;
  /** Largest share of either core that processes outside the bench used. */
  foreign: number;
  latencyP50Ms: number;
  latencyP95Ms: number;
  firstTokenP50Ms: number;
  firstTokenP95Ms: number;
  errors: string[];
  errorCount: number;
}

export interface Held {
  open: number;
  errors: string[];
  errorCount: number;
}

export interface Vanished {
  /** Monotonic clock just before the first connection was dropped. */
  atNs: number;
}

export interface Begun {
  ids: string[];
  acceptP99Ms: number;
}

export interface Watching {
  open: number;
}

/** What readers of runs had; times from an event's publication until it was read, ms. */
export interface Watched {
  events: number;
  p50Ms: number;
  p99Ms: number;
  errors: string[];
  /** Readers that missed something, or got it twice. */
  errorCount: number;
}

export interface Probe {
  /** What is wrong with the answer. */
  faults: string[];
}

interface Results {
  loop: Window;
  paced: Window;
  hold: Held;
  vanish: Vanished;
  begin: Begun;
  watch: Watching;
  watched: Watched;
  probe: Probe;
  guard: null;
}

export type ResultOf<J extends Job> = Results[J["do"]];

export interface Request {
  id: number;
  job: Job;
}

export type Reply = { id: number; result: ResultOf<Job> } | { id: number; failed: string };
