import { stripVTControlCharacters } from "node:util";
import { z } from "zod";
import { defineTool, type ToolContext, type Toolset } from "../src/tools/define.ts";

type CommandResult = Awaited<ReturnType<ToolContext["sandbox"]["run"]>>;

const DEFAULT_TIMEOUT_S = 120;
const MAX_TIMEOUT_S = 600;
const MAX_OUTPUT_BYTES = 50_000;

/** The group of shell commands. */
export const toolset: Toolset = {
  name: "terminal",
  label: "Terminal",
  description: "Run shell commands in the workspace",
};

/** Runs a shell command. */
export const tool = defineTool({
  name: "terminal",
  toolset: toolset.name,
  emoji: "💻",
  description:
    "Runs a command with /bin/sh in the workspace and answers what it printed (stdout and stderr together), then " +
    "its exit code. Nothing can be typed into it, so use flags such as --yes. Each call is a new shell: variables and " +
    "the directory are not kept, and processes left in the background are ended with it. Of long output the middle " +
    "is left out. Prefer read_file, search_files, write_file and patch for files.",
  effect: "write",
  parameters: z.strictObject({
    command: z.string().min(1).describe("The shell command to run."),
    timeout: z
      .number()
      .positive()
      .max(MAX_TIMEOUT_S)
      .default(DEFAULT_TIMEOUT_S)
      .describe(
        `Seconds after which it is killed; ${DEFAULT_TIMEOUT_S} if left out, at most ${MAX_TIMEOUT_S}.`,
      ),
    workdir: z
      .string()
      .default(".")
      .describe("Directory to run it in, relative to the workspace; the workspace itself if left out."),
  }),
  preview: ({ command }) => command,
  command: ({ command, workdir }) => (workdir === "." ? command : `cd ${quoteText(workdir)} && ${command}`),
  run: async ({ command, timeout, workdir }, context) => {
    const result = await context.sandbox.run({
      command,
      cwd: await context.workspace.directory(workdir),
      timeoutMs: timeout * 1_000,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      signal: context.signal,
      onOutput: (text) => context.progress(text),
    });
    const output = readable(result.output);
    const ending = `[${describeEnding(result, timeout)}]`;
    return output === "" ? ending : `${output}\n${ending}`;
  },
});

function describeEnding({ exitCode, signal, killed }: CommandResult, timeoutS: number): string {
  if (killed === "timeout") return `killed: it ran longer than ${timeoutS} s; above is what it had printed`;
  if (killed === "abort") return "killed: the run was stopped";
  return exitCode === null ? `killed by ${signal ?? "a signal"}` : `exit code ${exitCode}`;
}

/** Text as a terminal would show it in the end: no colours, no control characters, progress bars in their last state. */
function readable(output: string): string {
  return stripVTControlCharacters(output)
    .split("\n")
    .map(lastState)
    .join("\n")
    .replace(/(?![\n\t])\p{Cc}/gu, "")
    .trimEnd();
}

/** What of a line is to be seen after its carriage returns; a pattern for those at its end would take the square of their number. */
function lastState(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end--;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
}

function quoteText(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
