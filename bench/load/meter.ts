import { coreTimes, cpuUs } from "../proc.ts";
import { percentile, Samples } from "../stats.ts";
import type { Aim, Window } from "./jobs.ts";

const ERRORS_KEPT = 5;

/** CPU times at one moment, µs. */
interface Snapshot {
  at: number;
  target: number;
  targetCore: number;
  load: number;
  loadCore: number;
}

function snapshot({ pid, cores }: Aim): Snapshot {
  return {
    at: performance.now(),
    target: cpuUs(pid),
    targetCore: coreTimes(cores?.target).busyUs,
    load: (cores?.loadPids ?? []).reduce((sum, each) => sum + cpuUs(each), 0),
    loadCore: coreTimes(cores?.load).busyUs,
  };
}

/** Counts what happens while its window is open; errors count whenever they happen. */
export class Meter {
  readonly #aim: Aim;
  readonly #latencies = new Samples();
  readonly #firstTokens = new Samples();
  readonly #errors: string[] = [];
  #errorCount = 0;
  #isOpen = false;
  #turns = 0;
  #tokens = 0;
  #from: Snapshot | undefined;
  #to: Snapshot | undefined;

  constructor(aim: Aim) {
    this.#aim = aim;
  }

  open(): void {
    this.#isOpen = true;
    this.#from = snapshot(this.#aim);
  }

  close(): void {
    this.#isOpen = false;
    this.#to = snapshot(this.#aim);
  }

  turn(latencyMs: number): void {
    if (!this.#isOpen) return;
    this.#turns += 1;
    this.#latencies.add(latencyMs);
  }

  firstToken(latencyMs: number): void {
    if (this.#isOpen) this.#firstTokens.add(latencyMs);
  }

  tokens(count: number): void {
    if (this.#isOpen) this.#tokens += count;
  }

  error(reason: string): void {
    this.#errorCount += 1;
    if (this.#errors.length < ERRORS_KEPT) this.#errors.push(reason);
  }

  window(): Window {
    const latencies = this.#latencies.sorted();
    const firstTokens = this.#firstTokens.sorted();
    return {
      ...this.#times(),
      turns: this.#turns,
      tokens: this.#tokens,
      latencyP50Ms: percentile(latencies, 0.5),
      latencyP95Ms: percentile(latencies, 0.95),
      firstTokenP50Ms: percentile(firstTokens, 0.5),
      firstTokenP95Ms: percentile(firstTokens, 0.95),
      errors: this.#errors,
      errorCount: this.#errorCount,
    };
  }

  #times(): { elapsedMs: number; cpuUs: number; busy: number; foreign: number } {
    const { NaN: none } = Number;
    if (this.#from === undefined || this.#to === undefined) {
      return { elapsedMs: none, cpuUs: none, busy: none, foreign: none };
    }
    const [from, to] = [this.#from, this.#to];
    const elapsedUs = (to.at - from.at) * 1000;
    const spent = to.target - from.target;
    const onTargetCore = to.targetCore - from.targetCore - spent;
    const onLoadCore = to.loadCore - from.loadCore - (to.load - from.load);
    const foreign = Math.max(0, onTargetCore, onLoadCore) / elapsedUs;
    return {
      elapsedMs: elapsedUs / 1000,
      cpuUs: spent,
      // Without a core of its own, a target's share of one says nothing.
      busy: this.#aim.cores === undefined ? none : spent / elapsedUs,
      foreign: this.#aim.cores === undefined ? none : foreign,
    };
  }
}
