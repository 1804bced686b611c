import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Harness } from "./harness.ts";
import { examineMachine, type Machine } from "./machine.ts";
import { holdable } from "./measure/held.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { coreTimes } from "./proc.ts";
import { cleanUpAtExit } from "./processes.ts";
import { summarizeProfile } from "./profile.ts";
import { markdownTable, reportLines, reportNotes, textTable } from "./report.ts";
import { Run, type RunResult } from "./run.ts";

const ROOT = path.dirname(import.meta.dirname);
const STOLEN_TOLERATED = 0.01;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function build(): void {
  say("building");
  const { status } = spawnSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (status !== 0)
    throw new Error("The build failed; --no-build measures dist/ as it is, --targets relay needs none.");
}

function runsOnOneCore(machine: Machine): void {
  if (machine.cores === undefined) return;
  // The orchestrator sleeps while a window is open, but must not wake up on the target's core.
  spawnSync("taskset", ["-p", "-c", String(machine.cores.load), String(process.pid)], { stdio: "ignore" });
}

function conditions(options: Options, machine: Machine, stolenShare: number): string[] {
  const notes = [...machine.notes];
  if (options.quick) notes.push("Quick run: one short round, not warm; ratios are a hint, not a result.");
  if (options.profile !== undefined) notes.push("Profiled run: the profiler's own cost is in the numbers.");
  if (stolenShare > STOLEN_TOLERATED) {
    notes.push(`The host gave ${(stolenShare * 100).toFixed(1)} % of this machine's time to others.`);
  }
  const held = options.rows.find(({ measurement }) => measurement.kind === "held")?.measurement;
  if (held?.kind === "held" && holdable(held.streams) < held.streams) {
    notes.push(`The limit of open files allows ${holdable(held.streams)} held streams, not ${held.streams}.`);
  }
  return notes;
}

interface Report {
  options: Options;
  machine: Machine;
  result: RunResult;
  notes: string[];
  tookMs: number;
}

function print({ options, machine, result, notes, tookMs }: Report): void {
  const lines = reportLines(result);
  const other = options.before === undefined ? "relay" : "before";
  const { rounds, windowMs } = options.timing;
  const medians = rounds === 1 ? "one round" : `medians of ${rounds} interleaved rounds`;
  const how = `${medians}, windows of ${windowMs / 1000} s, ${Math.round(tookMs / 1000)} s in all`;
  const heading = `${machine.description}; ${how}.`;
  process.stdout.write(
    `\n${heading}\n\n${textTable(lines, other)}\n\n${notes.map((note) => `- ${note}`).join("\n")}\n`,
  );
  if (options.markdown !== undefined) {
    const list = notes.map((note) => `- ${note}`).join("\n");
    writeFileSync(options.markdown, `${heading}\n\n${markdownTable(lines, other)}\n\n${list}\n`);
  }
  if (options.json !== undefined) {
    const data = {
      machine: machine.description,
      timing: options.timing,
      tookMs: Math.round(tookMs),
      lines,
      notes,
    };
    writeFileSync(options.json, `${JSON.stringify(data, null, 2)}\n`);
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  cleanUpAtExit();
  const measuresServer = options.targets.includes("server");
  if (measuresServer && options.build) build();
  if (measuresServer && !existsSync(options.serverEntry))
    throw new Error("There is no server to measure: build it first.");
  const machine = examineMachine();
  runsOnOneCore(machine);
  say(machine.description);
  for (const note of machine.notes) say(note);
  const startedAt = performance.now();
  const stolenBefore = coreTimes().stolenUs;
  const harness = await Harness.start(machine);
  const result = await new Run(options, harness, say).measure();
  const tookMs = performance.now() - startedAt;
  const stolenShare = (coreTimes().stolenUs - stolenBefore) / (tookMs * 1000);
  const notes = [...reportNotes(result), ...conditions(options, machine, stolenShare)];
  print({ options, machine, result, notes, tookMs });
  if (options.profile !== undefined) {
    const file = path.join(import.meta.dirname, "results", `${options.profile}.cpuprofile`);
    process.stdout.write(`\n${summarizeProfile(file)}\n\nProfile: ${path.relative(process.cwd(), file)}\n`);
  }
  return result.errorCount === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  },
);
