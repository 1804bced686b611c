import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { transformSync } from "esbuild";
import type { Machine } from "./machine.ts";
import { makeFolder, removeFolder, run, startNode, stop } from "./processes.ts";
import type { Program, Stand } from "./row.ts";
import { TOOL_FILE, TOOL_FILE_TEXT } from "./scenarios.ts";

const BENCH_DIR = import.meta.dirname;
const ROOT = path.dirname(BENCH_DIR);
/** Git-ignored: profiles, and what the bench makes for itself. */
export const RESULTS_DIR: string = path.join(BENCH_DIR, "results");
const READY_TIMEOUT_MS = 15_000;

/** What is measured. `direct` is the upstream without anything between: the harness's own limit. */
export type TargetName = "direct" | "relay" | "server";

export const SERVER_ENTRY: string = path.join(ROOT, "dist", "hermes.js");

/** Another target is another entry here. All get the same environment and must answer `GET /health` when ready. */
function targetArgs(program: Program, { serverEntry, before }: StartOptions): string[] {
  if (program === "relay") return [relayEntry()];
  return [...nodeFlags(), program === "before" ? (before ?? serverEntry) : serverEntry, "serve"];
}

/** The flags that `npm start` gives to Node. */
function nodeFlags(): string[] {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
    scripts: { start: string };
  };
  return manifest.scripts.start.split(" ").filter((word) => word.startsWith("--"));
}

/** The relay as JavaScript, as the server is: reading TypeScript would cost it 100 ms at the start and 15 MB for ever. */
function relayEntry(): string {
  const entry = path.join(RESULTS_DIR, "relay.mjs");
  mkdirSync(RESULTS_DIR, { recursive: true });
  const source = readFileSync(path.join(BENCH_DIR, "relay.ts"), "utf8");
  writeFileSync(entry, transformSync(source, { loader: "ts", format: "esm", target: "es2024" }).code);
  return entry;
}

export interface Target {
  name: TargetName;
  port: number;
  key: string;
  pid: number;
  /** The last response that was put into its database. */
  seeded?: string;
}

/** A target with a process and a home of its own. */
export interface StartedTarget extends Target {
  child: ChildProcess;
  /** From just before its process was made to the first healthy answer. */
  startMs: number;
  /** What it printed; a healthy target prints nothing at this log level. */
  output(): string;
  /** Ends it; what was wrong with the way it ended. */
  stop(): Promise<string[]>;
}

/** Home and workspace of a target; kept between starts when warm starts are measured. */
export interface Scratch {
  folder: string;
  home: string;
  workspace: string;
}

export function makeScratch(name: string): Scratch {
  const folder = makeFolder(name);
  const workspace = makeFolder(`${name}-workspace`);
  writeFileSync(path.join(workspace, TOOL_FILE), `${TOOL_FILE_TEXT}\n`);
  return { folder, home: path.join(folder, "home"), workspace };
}

export function removeScratch(scratch: Scratch): void {
  removeFolder(scratch.folder);
  removeFolder(scratch.workspace);
}

/** A port that was free a moment ago; loopback only. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

interface EnvOptions {
  scratch: Scratch;
  port: number;
  key: string;
  upstreamPort: number;
}

/** Nothing of the caller's environment: a provider key or a Node option there would change what is measured. */
function targetEnv({ scratch, port, key, upstreamPort }: EnvOptions): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: scratch.folder,
    TMPDIR: scratch.folder,
    HERMES_HOME: scratch.home,
    API_SERVER_HOST: "127.0.0.1",
    API_SERVER_PORT: String(port),
    API_SERVER_KEY: key,
    API_SERVER_MAX_CONCURRENT_RUNS: "0",
    LLM_PROVIDER: "openai",
    LLM_BASE_URL: `http://127.0.0.1:${upstreamPort}/v1`,
    LLM_API_KEY: "x",
    LLM_MODEL: "bench",
    LLM_AUTODETECT: "0",
    LOG_LEVEL: "warn",
  };
}

/** node:http and not fetch: the poll must neither be slow at first nor keep a connection. */
function healthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ port, host: "127.0.0.1", path: "/health", agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
      response.on("error", () => resolve(false));
    });
    request.on("error", () => resolve(false));
  });
}

/** What makes a target one that stores in its own way: settings in its home and environment. */
function standEnv({ program, sync }: Stand, scratch: Scratch): Record<string, string> {
  if (sync === undefined) return {};
  if (program === "relay")
    return { RELAY_STORE: path.join(scratch.folder, "relay.db"), RELAY_SYNC: sync.toUpperCase() };
  mkdirSync(scratch.home, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(scratch.home, "config.yaml"), `storage:\n  sync: ${sync}\n`);
  return {};
}

async function seedHome({ seed }: Stand, home: string): Promise<string | undefined> {
  if (seed === undefined) return undefined;
  return run([path.join(BENCH_DIR, "seed.ts"), home, JSON.stringify(seed)]);
}

export interface StartOptions {
  name: "relay" | "server";
  /** What runs in that column; the program of its name when not given. */
  stand?: Stand;
  serverEntry: string;
  /** The other build, where one is compared. */
  before: string | undefined;
  upstreamPort: number;
  machine: Machine;
  /** Kept by the caller when given; else made for this start and removed with it. */
  scratch?: Scratch;
  nodeOptions?: string[];
  env?: Record<string, string>;
}

export async function startTarget(options: StartOptions): Promise<StartedTarget> {
  const { name, machine } = options;
  const stand = options.stand ?? { program: name };
  const scratch = options.scratch ?? makeScratch(name);
  const port = await freePort();
  const key = randomBytes(24).toString("hex");
  const log = path.join(scratch.folder, "output.log");
  const logFile = openSync(log, "w");
  const seeded = await seedHome(stand, scratch.home);
  const args = [...(options.nodeOptions ?? []), ...targetArgs(stand.program, options)];
  const startedAt = performance.now();
  const child = startNode({
    args,
    env: {
      ...targetEnv({ scratch, port, key, upstreamPort: options.upstreamPort }),
      ...standEnv(stand, scratch),
      ...options.env,
    },
    cwd: scratch.workspace,
    core: machine.cores?.target,
    stdio: ["ignore", logFile, logFile],
  });
  closeSync(logFile);
  const output = (): string => readFileSync(log, "utf8");
  while (!(await healthy(port))) {
    const exited = child.exitCode !== null || child.signalCode !== null;
    if (exited || performance.now() - startedAt > READY_TIMEOUT_MS) {
      throw new Error(
        `${name} ${exited ? "ended" : "was not healthy in time"}. It said:\n${output().slice(-2000)}`,
      );
    }
    await sleep(1);
  }
  const startMs = performance.now() - startedAt;
  return {
    name,
    port,
    key,
    pid: child.pid ?? 0,
    ...(seeded !== undefined && { seeded }),
    child,
    startMs,
    output,
    stop: async () => {
      const willing = await stop(child);
      if (options.scratch === undefined) removeScratch(scratch);
      return willing ? [] : [`${name} did not end in time when asked to, and was killed`];
    },
  };
}
