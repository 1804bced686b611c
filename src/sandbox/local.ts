import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { safeEnvironment } from "./environment.ts";
import { newMarker, wasStartedByDeadServer } from "./marker.ts";
import { CappedOutput } from "./output.ts";
import { killAll, killMarked } from "./processes.ts";
import type { Command, CommandResult, Sandbox } from "./sandbox.ts";

/** Becomes the command's own shell, with stderr in stdout's pipe so that both keep their order. */
const START = 'exec /bin/sh -c "$1" 2>&1';
const START_APART = 'exec /bin/sh -c "$1"';
/** How long output may still come when the command is over, before what holds the pipe is ended. */
const DRAIN_MS = 100;
/** How long a killed process may take to go; one that hangs in the kernel must not hold the run. */
const LAST_WAIT_MS = 2_000;

type Child = ChildProcessByStdio<null, Readable, Readable | null>;

/** What the local sandbox is made of. */
interface LocalSandboxOptions {
  /** The server's environment; commands get a few harmless variables of it. */
  env: NodeJS.ProcessEnv;
  /** The home's real path: what a killed server of it left running is told from that of others. */
  home: string;
}

/**
 * Runs commands on this machine as the server's own user. The environment is clean and nothing survives its command
 * (except a daemon that both cleared its environment and left its parent), but files, network and other processes
 * are within reach: the policy in front of it is a guard rail, not a wall.
 */
export function createLocalSandbox({ env, home }: LocalSandboxOptions): Sandbox {
  const environment = safeEnvironment(env);
  return { run: (command) => run(command, { environment, home }) };
}

/**
 * Kills what commands of a former server of this home left running when it was killed; how many processes. Commands of
 * other homes and of servers that still run are not touched. Without Linux's /proc none is found.
 */
export function killLeftCommands(home: string): Promise<number> {
  return killMarked((environment) => wasStartedByDeadServer(home, environment));
}

interface Surroundings {
  environment: Record<string, string>;
  home: string;
}

async function run(command: Command, { environment, home }: Surroundings): Promise<CommandResult> {
  if (command.signal.aborted) return { output: "", exitCode: null, signal: null, killed: "abort" };
  const { variable, text: marker } = newMarker(home);
  const { child, pid } = await start(command, { ...environment, [variable.name]: variable.value });
  const output = collect(child.stdout, command);
  const errors = child.stderr && collect(child.stderr, { maxOutputBytes: command.maxOutputBytes });
  const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
  const closed = Promise.all(pipes.map((pipe) => new Promise((resolve) => pipe.once("close", resolve))));
  const end = () => killAll(pid, marker);
  const killed = await waitForExit(child, command, end);
  if (killed === null) await Promise.race([closed, drainTime()]);
  await end();
  await Promise.race([closed, drainTime()]);
  for (const pipe of pipes) pipe.destroy();
  const { exitCode, signalCode: signal } = child;
  return { output: output.text(), ...(errors && { errors: errors.text() }), exitCode, signal, killed };
}

async function start(command: Command, env: Record<string, string>): Promise<{ child: Child; pid: number }> {
  try {
    const apart = command.errorsApart === true;
    // The types know no pipe that may be left out.
    const stdio = ["ignore", "pipe", apart ? "pipe" : "ignore"] as ["ignore", "pipe", "pipe"];
    const child: Child = spawn("/bin/sh", ["-c", apart ? START_APART : START, "sh", command.command], {
      cwd: command.cwd,
      env,
      stdio,
      // Its own process group, which can be killed as one, and no terminal to ask questions on.
      detached: true,
    });
    await once(child, "spawn");
    if (child.pid === undefined) throw new Error("no process id");
    return { child, pid: child.pid };
  } catch (error) {
    throw new Error(`The command could not be started: ${toReason(error)}.`);
  }
}

function toReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "E2BIG") return "it is too long";
  if (code === "ENOENT" || code === "ENOTDIR") return "its directory does not exist";
  if (code === "ERR_INVALID_ARG_VALUE") return "it holds a NUL character";
  return `the system refused (${String(code)})`;
}

/** Keeps what comes, and hands on the first `maxOutputBytes` of it. */
function collect(
  stdout: Readable,
  { maxOutputBytes, onOutput }: Pick<Command, "maxOutputBytes" | "onOutput">,
): CappedOutput {
  const output = new CappedOutput(maxOutputBytes);
  const decoder = new TextDecoder();
  let left = onOutput === undefined ? 0 : maxOutputBytes;
  stdout.on("data", (chunk: Buffer) => {
    output.add(chunk);
    if (left > 0) onOutput?.(decoder.decode(chunk.subarray(0, left), { stream: true }));
    left -= chunk.length;
    giveBack(chunk);
  });
  // A broken pipe ends the output, which its close reports.
  stdout.on("error", () => undefined);
  return output;
}

/**
 * Frees a chunk's memory at once. The collector would let some 64 MB of them pile up before it looked, which is a
 * command's worth of output at full speed.
 */
function giveBack({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Waits for the command's own process to end, and sees to it that it does. */
function waitForExit(
  child: Child,
  command: Command,
  end: () => Promise<void>,
): Promise<CommandResult["killed"]> {
  return new Promise((resolve, reject) => {
    let killed: CommandResult["killed"] = null;
    let lastWait: NodeJS.Timeout | undefined;
    const kill = (why: "timeout" | "abort"): void => {
      if (killed !== null) return;
      killed = why;
      lastWait = setTimeout(finish, LAST_WAIT_MS);
      end().catch(reject);
    };
    const abort = (): void => kill("abort");
    const timeout = setTimeout(kill, command.timeoutMs, "timeout");
    function finish(): void {
      clearTimeout(timeout);
      clearTimeout(lastWait);
      command.signal.removeEventListener("abort", abort);
      resolve(killed);
    }
    child.once("exit", finish);
    command.signal.addEventListener("abort", abort, { once: true });
    if (command.signal.aborted) abort();
  });
}

/** After the time, one more turn of the event loop: a server that was busy meanwhile still reads what has come. */
async function drainTime(): Promise<void> {
  await delay(DRAIN_MS, undefined, { ref: false });
  await nextTurn();
}
