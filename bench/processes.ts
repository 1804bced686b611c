import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** Every process and folder that the bench makes is listed here, so that none outlives it. */
const children = new Set<ChildProcess>();
const folders = new Set<string>();

const TERM_TIMEOUT_MS = 5_000;

export interface Command {
  args: string[];
  env: Record<string, string>;
  cwd?: string;
  core: number | undefined;
  stdio: StdioOptions;
}

/** Starts Node, the one that runs the bench, on one core. */
export function startNode({ args, env, cwd, core, stdio }: Command): ChildProcess {
  const pinned = core === undefined ? [] : ["taskset", "-c", String(core)];
  const [file = process.execPath, ...rest] = [...pinned, process.execPath, ...args];
  // A group of its own: what a target starts ends with it, and Ctrl-C reaches the bench alone, which then ends all.
  // "advanced" because NaN, the number that could not be read, does not survive JSON.
  const options = { env, stdio, detached: true, serialization: "advanced" } as const;
  const child = spawn(file, rest, cwd === undefined ? options : { ...options, cwd });
  children.add(child);
  child.on("exit", () => children.delete(child));
  child.on("error", () => children.delete(child));
  return child;
}

/**
 * What a short process prints; it must end well.
 * @throws Error with what it said.
 */
export async function run(args: string[]): Promise<string> {
  const env = { PATH: process.env["PATH"] ?? "" };
  const child = startNode({ args, env, core: undefined, stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
  return printed;
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Already gone.
  }
}

/** Asks a process to end and waits for it; false when it had to be killed. */
export async function stop(child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let willing = true;
  const timer = setTimeout(() => {
    willing = false;
    killGroup(child, "SIGKILL");
  }, TERM_TIMEOUT_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
  return willing;
}

/** A new folder that goes when the bench ends. */
export function makeFolder(name: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), `hermes-bench-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Whatever ends the bench ends its processes too. */
export function cleanUpAtExit(): void {
  process.on("exit", () => {
    for (const child of children) killGroup(child, "SIGKILL");
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(130));
}
