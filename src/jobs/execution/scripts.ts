import { extname } from "node:path";
import { invalidRequest } from "../../domain/error.ts";
import type { Reader } from "../../files/reader.ts";
import { parseJsonObject } from "../../lib/json.ts";
import { quoted } from "../../lib/text.ts";
import type { CommandResult, Sandbox } from "../../sandbox/sandbox.ts";

/** How a script ended. */
export interface ScriptEnd {
  /** Its output, cut visibly in the middle if too long. */
  output: string;
  /** Why it failed, as a sentence. */
  failure?: string;
}

/** What scripts need. */
interface ScriptsOptions {
  /** The directory of the scripts; it need not exist. */
  directory: string;
  reader: Reader;
  sandbox: Sandbox;
  timeoutMs: number;
}

/** The file is opened only to check that it can be; nothing is read. */
const OPENED = { maxBytes: Number.POSITIVE_INFINITY, firstBytes: 0 };
const ANY_MAY_EXECUTE = 0o111;

const MAX_OUTPUT_BYTES = 50_000;
/** How much of the end of stderr is kept. */
const MAX_COMPLAINT_CHARS = 500;

/** Interpreters by file suffix, as shell words; any other file must be executable. */
const RUNNERS: Readonly<Record<string, string>> = {
  ".sh": `exec "$(command -v bash || echo sh)"`,
  ".bash": "exec bash",
  ".py": "exec python3",
  ".js": `exec ${quoted(process.execPath)}`,
  ".mjs": `exec ${quoted(process.execPath)}`,
};

/** The scripts of a home: files that the operator put there. Requests name a script but never provide one. */
export class Scripts {
  readonly #options: ScriptsOptions;

  constructor(options: ScriptsOptions) {
    this.#options = options;
  }

  /**
   * Returns the command that runs a script, by its real path: what was checked is what runs.
   * @throws ApiError 400 for a name that is not a script's.
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

  /** Runs a command returned by `command`. Returns undefined if it was stopped. Never rejects. */
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

/** Returns a script's output and whether a model should read it: the last line `{"wakeAgent": false}` says no. */
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
