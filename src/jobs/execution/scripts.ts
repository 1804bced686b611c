import { extname } from "node:path";
import { invalidRequest } from "../../domain/error.ts";
import type { Reader } from "../../files/reader.ts";
import { parseJsonObject } from "../../lib/json.ts";
import { quoted } from "../../lib/text.ts";
import type { CommandResult, Sandbox } from "../../sandbox/sandbox.ts";

/** How a script ended. */
export interface ScriptEnd {
  /** What it printed; of too much the middle is left out, visibly. */
  output: string;
  /** Why it counts as failed, in a sentence. */
  failure?: string;
}

/** What scripts are run with. */
interface ScriptsOptions {
  /** The directory that holds them; it need not exist. */
  directory: string;
  reader: Reader;
  sandbox: Sandbox;
  timeoutMs: number;
}

/** It is opened to see that it can be, and nothing of it is read. */
const OPENED = { maxBytes: Number.POSITIVE_INFINITY, firstBytes: 0 };
const ANY_MAY_EXECUTE = 0o111;

const MAX_OUTPUT_BYTES = 50_000;
/** Of what a script complained about, the end. */
const MAX_COMPLAINT_CHARS = 500;

/** Programs that run a script of a kind, as a shell calls them; a file of another kind must be executable itself. */
const RUNNERS: Readonly<Record<string, string>> = {
  ".sh": `exec "$(command -v bash || echo sh)"`,
  ".bash": "exec bash",
  ".py": "exec python3",
  ".js": `exec ${quoted(process.execPath)}`,
  ".mjs": `exec ${quoted(process.execPath)}`,
};

/** The scripts of a home: files that its operator put there. A request names one, and never says what is in it. */
export class Scripts {
  readonly #options: ScriptsOptions;

  constructor(options: ScriptsOptions) {
    this.#options = options;
  }

  /**
   * The command that runs a script, by its real path: what a link led to is what was looked at.
   * @throws ApiError 400 for a name that is no script's.
   */
  async command(name: string): Promise<string> {
    const isPlain = !/^[/~\\]/.test(name) && !name.split(/[/\\]/).includes("..");
    const { reader, directory: within } = this.#options;
    const file = isPlain ? await reader.find({ within, name }, OPENED) : undefined;
    if (file === undefined)
      throw scriptRefusal(`names no file below the home's 'scripts' directory: ${quoted(name)}.`);
    const { real, stats } = file;
    const runner = RUNNERS[extname(real).toLowerCase()];
    if (runner === undefined && (Number(stats.mode) & ANY_MAY_EXECUTE) === 0)
      throw scriptRefusal("must end in .sh, .bash, .py, .js or .mjs, or name an executable file.");
    return `${runner ?? "exec"} ${shellQuoted(real)}`;
  }

  /** Runs a command that `command` gave. Undefined: it was stopped. Never rejects. */
  async run(
    command: string,
    { cwd, signal }: { cwd: string; signal: AbortSignal },
  ): Promise<ScriptEnd | undefined> {
    const { sandbox, timeoutMs } = this.#options;
    try {
      const terms = { command, cwd, timeoutMs, signal, maxOutputBytes: MAX_OUTPUT_BYTES };
      const result = await sandbox.run({ ...terms, errorsApart: true });
      if (result.killed === "abort") return undefined;
      const failure = describeScriptFailure(result, timeoutMs);
      return { output: result.output, ...(failure !== undefined && { failure }) };
    } catch (error) {
      return { output: "", failure: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** What a script printed, and whether a model is to read it: `{"wakeAgent": false}` as the last line says no. */
export function readOutput(output: string): { text: string; wakesAgent: boolean } {
  const text = output.trimEnd();
  const at = text.lastIndexOf("\n") + 1;
  const gate = parseJsonObject(text.slice(at))?.["wakeAgent"];
  if (typeof gate !== "boolean") return { text, wakesAgent: true };
  return { text: text.slice(0, at).trimEnd(), wakesAgent: gate };
}

function describeScriptFailure(
  { exitCode, signal, killed, errors = "" }: CommandResult,
  timeoutMs: number,
): string | undefined {
  if (killed === "timeout") return `Its script ran longer than ${timeoutMs / 1000} s.`;
  if (exitCode === 0) return undefined;
  const how = exitCode === null ? `was ended by ${signal ?? "a signal"}` : `ended with exit code ${exitCode}`;
  const complaint = errors.trim().slice(-MAX_COMPLAINT_CHARS).toWellFormed();
  return `Its script ${how}${complaint === "" ? "." : `: ${complaint}`}`;
}

function scriptRefusal(why: string): Error {
  return invalidRequest("script", `'script' ${why}`);
}

function shellQuoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
