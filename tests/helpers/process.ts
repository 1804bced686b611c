import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { DEADLINE_MS, withDeadline } from "../fake-upstream/deadline.ts";

/** The built program, as `npm start` runs it. */
export const PROGRAM = join(import.meta.dirname, "..", "..", "dist", "hermes.js");

/** How a process is started. */
export interface ProcessOptions {
  /** The whole environment but PATH, HOME (`cwd`) and what keeps it from looking outside the test. */
  env?: Record<string, string>;
  /** Its working directory, which is its workspace and, unless HERMES_HOME says otherwise, holds its home. */
  cwd: string;
}

/** How a process ended. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process under test; killed with the test if it still runs. */
export class TestProcess {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ending>;
  readonly #waiting = new Set<() => void>();

  constructor(command: string, args: readonly string[], { env = {}, cwd }: ProcessOptions) {
    const base = { PATH: process.env["PATH"] ?? "", HOME: cwd, API_SERVER_PORT: "0", LLM_AUTODETECT: "0" };
    this.child = spawn(command, args, { cwd, env: { ...base, ...env } });
    this.child.stdout.on("data", (data: Buffer) => this.#heard(() => (this.stdout += data)));
    this.child.stderr.on("data", (data: Buffer) => this.#heard(() => (this.stderr += data)));
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code, signal) => this.#heard(() => resolve({ code, signal }))),
    );
    onTestFinished(async () => {
      this.child.kill("SIGKILL");
      await this.ended;
    });
  }

  /** What a pattern finds in the standard output, as soon as it does. @throws Error with all output when it does not. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const match = pattern.exec(this.stdout);
      if (match !== null) found.resolve(match);
    };
    this.#waiting.add(look);
    look();
    const late = () => `${pattern} was not said:\n${this.stdout}\n${this.stderr}`;
    return withDeadline(found.promise, DEADLINE_MS, late).finally(() => this.#waiting.delete(look));
  }

  /** How it ended. @throws Error with all output when it does not end in time. */
  ending(deadlineMs = DEADLINE_MS): Promise<Ending> {
    return withDeadline(this.ended, deadlineMs, () => `still running:\n${this.stdout}\n${this.stderr}`);
  }

  /** Asks it to end, and how it did. */
  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ending> {
    this.child.kill(signal);
    return this.ending();
  }

  #heard(record: () => void): void {
    record();
    for (const look of this.#waiting) look();
  }
}

/** Runs the program. */
export function hermes(args: readonly string[], options: ProcessOptions): TestProcess {
  return new TestProcess(process.execPath, [PROGRAM, ...args], options);
}

/** Starts the server and waits until it listens; `origin` is where. */
export async function serve(
  options: ProcessOptions,
  args: readonly string[] = [],
): Promise<TestProcess & { origin: string }> {
  const server = hermes(["serve", ...args], options);
  const [, origin = ""] = await server.says(/"url":"(http:\/\/[^"]+)\/v1"/);
  return Object.assign(server, { origin });
}

/** Runs the program to its end. */
export async function runToEnd(args: readonly string[], options: ProcessOptions) {
  const program = hermes(args, options);
  const { code } = await program.ending();
  return { code, stdout: program.stdout, stderr: program.stderr };
}
