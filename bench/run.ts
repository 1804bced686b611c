import type { Harness } from "./harness.ts";
import { isFresh, measureFresh, measureSteady, probeOf, type SteadyRow, warmUpOf } from "./measure/kinds.ts";
import type { FreshOptions, MeasureContext, Measured } from "./measure/measure.ts";
import type { Options } from "./options.ts";
import { Profiler } from "./profile.ts";
import type { Pair, Row, Stand } from "./row.ts";
import { type StartedTarget, startTarget, type Target, type TargetName } from "./targets.ts";

/** All rounds of one row, by target. */
export interface RowResult {
  row: Row;
  rounds: Record<TargetName, Measured[]>;
}

export interface RunResult {
  rows: RowResult[];
  errors: string[];
  errorCount: number;
  notes: string[];
}

/** Share of a core above which others spoil a window; the kernel's own threads take some of it under full load. */
const FOREIGN_TOLERATED = 0.1;
const TRIES = 3;

interface Started extends FreshOptions {
  stand?: Stand;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Measures the chosen rows; what fails is written down as an error and the rest goes on. */
export class Run {
  readonly #options: Options;
  readonly #harness: Harness;
  readonly #say: (text: string) => void;
  readonly #result: RunResult;
  readonly #profiler: Profiler | undefined;
  #spareMs: number;

  constructor(options: Options, harness: Harness, say: (text: string) => void) {
    this.#options = options;
    this.#harness = harness;
    this.#say = say;
    this.#profiler = options.profile === undefined ? undefined : new Profiler(options.profile);
    this.#spareMs = options.profile === undefined ? options.timing.spareMs : 0;
    const rows = options.rows.map((row) => ({ row, rounds: { direct: [], relay: [], server: [] } }));
    this.#result = { rows, errors: [], errorCount: 0, notes: [] };
  }

  async measure(): Promise<RunResult> {
    await this.#measureFreshRows();
    await this.#measureSteadyRows();
    return this.#result;
  }

  get #context(): MeasureContext {
    return { harness: this.#harness, timing: this.#options.timing };
  }

  async #start(name: "relay" | "server", options: Started = {}): Promise<StartedTarget> {
    const profiled = name === "server" ? this.#profiler : undefined;
    const { serverEntry, before } = this.#options;
    const usual = name === "relay" && before !== undefined ? { program: "before" as const } : undefined;
    const target = await startTarget({
      name,
      ...(usual && { stand: usual }),
      serverEntry,
      before,
      upstreamPort: this.#harness.upstreamPort,
      machine: this.#harness.machine,
      ...options,
      ...(profiled ? { nodeOptions: profiled.nodeOptions, env: profiled.env } : {}),
    });
    return this.#harness.adopt(target);
  }

  /** Every second round runs backwards, so that a drift of the machine hurts no target more. */
  #order<T>(targets: readonly T[], round: number): T[] {
    return round % 2 === 0 ? [...targets] : targets.toReversed();
  }

  async #measureFreshRows(): Promise<void> {
    const rows = this.#options.rows.filter(isFresh);
    for (let round = 0; round < this.#options.timing.freshRounds; round += 1) {
      for (const row of rows) {
        for (const name of this.#order(this.#targetsOf(row.pair), round)) {
          const context = {
            ...this.#context,
            startTarget: (options?: FreshOptions) => this.#start(name, options),
          };
          const { measurement } = row;
          await this.#record(row, name, () => measureFresh(context, measurement));
        }
      }
    }
  }

  /** Rows that share their targets, one set of targets after the other: two at a time have the machine. */
  async #measureSteadyRows(): Promise<void> {
    const rows = this.#options.rows.filter((row): row is SteadyRow => !isFresh(row));
    for (const [, together] of Map.groupBy(rows, ({ pair }) => pair?.id))
      await this.#measureTogether(together);
  }

  /** The columns that a pair has, of those asked for. */
  #targetsOf(pair: Pair | undefined): Options["targets"] {
    return this.#options.targets.filter((name) => pair === undefined || pair[name] !== undefined);
  }

  async #measureTogether(rows: readonly SteadyRow[]): Promise<void> {
    const pair = rows[0]?.pair;
    const targets: StartedTarget[] = [];
    for (const name of this.#targetsOf(pair)) {
      const stand = pair?.[name];
      try {
        targets.push(await this.#start(name, stand === undefined ? {} : { stand }));
      } catch (error) {
        this.#fail(textOf(error));
      }
    }
    const broken = await this.#prepare(rows, targets);
    for (let round = 0; round < this.#options.timing.rounds; round += 1) {
      this.#say(`round ${round + 1} of ${this.#options.timing.rounds}`);
      for (const row of rows) {
        const direct = row.direct ? [this.#harness.direct] : [];
        for (const target of this.#order<Target>([...direct, ...targets], round)) {
          if (broken.has(`${row.id} ${target.name}`)) continue;
          await this.#recordSteady(row, target);
        }
      }
    }
    for (const target of targets) {
      this.#noteOutput(target);
      for (const fault of await target.stop()) this.#fail(fault);
    }
  }

  async #recordSteady(row: SteadyRow, target: Target): Promise<void> {
    await this.#record(row, target.name, async () => {
      let calmest = await this.#window(row, target);
      for (let tries = 1; isDisturbed(calmest) && tries < TRIES && this.#spareMs > 0; tries += 1) {
        this.#say(`${row.id.padEnd(12)} ${target.name.padEnd(7)} disturbed, again: ${inBrief(calmest)}`);
        const startedAt = performance.now();
        calmest = calmer(calmest, await this.#window(row, target));
        this.#spareMs -= performance.now() - startedAt;
      }
      return calmest;
    });
  }

  async #window(row: SteadyRow, target: Target): Promise<Measured> {
    const profiler = target.name === "server" ? this.#profiler : undefined;
    await profiler?.begin(target);
    const measured = await measureSteady(this.#context, target, row.measurement);
    await profiler?.end(target);
    return measured;
  }

  /** Reads one answer of each kind in full, then loads each path until it is warm; the rows that cannot be measured. */
  async #prepare(rows: readonly SteadyRow[], targets: readonly Target[]): Promise<Set<string>> {
    const broken = new Set<string>();
    for (const target of targets) {
      const warmed = new Set<string>();
      for (const row of rows) {
        const probe = probeOf(row.measurement, target);
        const { faults } = await this.#harness.ask({
          do: "probe",
          aim: this.#harness.aimAt(target),
          ...probe,
        });
        for (const fault of faults) this.#fail(`${row.id}, ${target.name}: ${fault}`);
        if (faults.length > 0) broken.add(`${row.id} ${target.name}`);
        const path = `${row.measurement.kind} ${probe.scenario.kind}`;
        if (faults.length > 0 || warmed.has(path)) continue;
        warmed.add(path);
        await this.#warm(row, target);
      }
    }
    return broken;
  }

  async #warm(row: SteadyRow, target: Target): Promise<void> {
    this.#say(`warming  ${row.id.padEnd(12)} ${target.name}`);
    const timing = { ...this.#options.timing, rampMs: 0, windowMs: this.#options.timing.warmMs };
    if (row.measurement.kind === "paced" || row.pair !== undefined) timing.windowMs /= 2;
    const measured = await measureSteady({ ...this.#context, timing }, target, warmUpOf(row.measurement));
    this.#addErrors(row.id, target.name, measured);
  }

  async #record(row: Row, name: TargetName, measure: () => Promise<Measured>): Promise<void> {
    try {
      const measured = await measure();
      this.#result.rows.find((each) => each.row === row)?.rounds[name].push(measured);
      this.#addErrors(row.id, name, measured);
      this.#say(`${row.id.padEnd(12)} ${name.padEnd(7)} ${inBrief(measured)}`);
    } catch (error) {
      // An empty round keeps the rounds of the targets side by side.
      this.#result.rows
        .find((each) => each.row === row)
        ?.rounds[name].push({ metrics: {}, errors: [], errorCount: 0 });
      this.#fail(`${row.id}, ${name}: ${textOf(error)}`);
    }
  }

  #addErrors(rowId: string, name: TargetName, { errors, errorCount }: Measured): void {
    if (errorCount === 0) return;
    this.#fail(`${rowId}, ${name}: ${[...new Set(errors)].join("; ")}`, errorCount);
  }

  #fail(text: string, count = 1): void {
    this.#result.errorCount += count;
    // The report has the first lines; the whole, with stacks and paths, is for whoever watches.
    const brief = text.split("\n", 2).join(" ");
    this.#result.errors.push(count === 1 ? brief : `${brief} (${count} in all)`);
    this.#say(`ERROR  ${text}`);
  }

  #noteOutput(target: StartedTarget): void {
    const lines = target.output().trim().split("\n");
    if (lines[0] !== "")
      this.#result.notes.push(`${target.name} printed ${lines.length} lines, the first: ${lines[0]}`);
  }
}

export function isDisturbed({ foreign = 0 }: Measured): boolean {
  return foreign > FOREIGN_TOLERATED;
}

/** The less disturbed of two windows, with the errors of both. */
function calmer(one: Measured, other: Measured): Measured {
  const better = (other.foreign ?? 0) < (one.foreign ?? 0) ? other : one;
  return {
    ...better,
    errors: [...one.errors, ...other.errors],
    errorCount: one.errorCount + other.errorCount,
  };
}

function inBrief({ metrics, busy, foreign }: Measured): string {
  const numbers = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  if (busy !== undefined && !Number.isNaN(busy)) numbers.push(`busy ${Math.round(busy * 100)} %`);
  if (foreign !== undefined && foreign > 0.03) numbers.push(`others ${Math.round(foreign * 100)} %`);
  return numbers.join("  ");
}
