/**
 * Runs the fault tests and puts what they found into the guide's table. `--quick` is their short form, for every change,
 * which leaves the guide alone; `--full` the counts of the promise. Anything else is passed on to vitest: files to run.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { dirname, join } from "node:path";
import { examineMachine } from "../bench/machine.ts";
import { type Form, holds, lineOf, type RowResult, withTable } from "./fault-table.ts";

const root = join(import.meta.dirname, "..");
const guide = join(root, "docs", "guides", "reliability.md");
const results = join(root, ".vitest", "faults.jsonl");
/** A machine that others use, too, may be that much slower than a figure asks for. */
const QUICK_SLACK = 4;

const given = process.argv.slice(2);
const form: Form = given.includes("--quick") ? "quick" : given.includes("--full") ? "full" : "usual";
const rest = given.filter((arg) => arg !== "--quick" && arg !== "--full");

const code = await test();
const rows = read();
console.log(rows.map(lineOf).join("\n"));
if (form !== "quick") {
  // Times say little where others want the same cores.
  const load = loadavg()[2]?.toFixed(1);
  const machine = `${examineMachine().description}; load average over the last 15 minutes: ${load}`;
  // What was not reached keeps its old line.
  const isWhole = rest.length === 0 && code === 0;
  writeFileSync(guide, withTable(readFileSync(guide, "utf8"), rows, { machine, isWhole }));
}
const missed = rows.filter((row) => !holds(row, form === "quick" ? QUICK_SLACK : 1));
process.exitCode = code !== 0 || missed.length > 0 ? 1 : 0;

async function test(): Promise<number> {
  mkdirSync(dirname(results), { recursive: true });
  rmSync(results, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", "--config", "tests/faults/vitest.config.ts", ...rest];
  const env = { ...process.env, FAULTS: form, FAULTS_RESULTS: results };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: "inherit" });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return exitCode ?? 1;
}

/** The lines of the results file; a test that never began has none. */
function read(): RowResult[] {
  try {
    const lines = readFileSync(results, "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line) as RowResult);
  } catch {
    return [];
  }
}
