import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { z } from "zod";
import { defineTool, type ToolContext, ToolError } from "../src/tools/define.ts";

const DEFAULT_RESULTS = 100;
const MAX_RESULTS = 1_000;
const MAX_LINE_CHARS = 2_000;
const MAX_SHOWN_CHARS = 300;
/** What a whole search may take. */
const BUDGET_MS = 20_000;
/** What some 64 KB of lines may take; anything but a runaway pattern needs a thousandth of it. */
const BATCH_MS = 1_000;

/** Searches the workspace. */
export const tool = defineTool({
  name: "search_files",
  toolset: "file",
  emoji: "🔎",
  description:
    "Searches the workspace, without what .gitignore excludes, .git and node_modules. With target content: lines that " +
    "match a JavaScript regular expression, answered as path:line: text. With target files: paths of files by name.",
  effect: "read",
  parameters: z.strictObject({
    pattern: z
      .string()
      .min(1)
      .max(1_000)
      .describe(
        "With target content a regular expression, case-sensitive unless it begins with (?i). " +
          "With target files a glob such as *.test.ts or src/**/*.ts, or a part of a file's name.",
      ),
    target: z
      .enum(["content", "files"])
      .default("content")
      .describe("Search lines in files, or files by name; content if left out."),
    path: z
      .string()
      .default(".")
      .describe("Directory, or one file, to search in; the workspace if left out."),
    glob: z
      .string()
      .max(1_000)
      .exactOptional()
      .describe("Only for target content: search only files that match, for example *.ts."),
    limit: z
      .int()
      .min(1)
      .max(MAX_RESULTS)
      .default(DEFAULT_RESULTS)
      .describe(`Results at most; ${DEFAULT_RESULTS} if left out, at most ${MAX_RESULTS}.`),
  }),
  preview: ({ pattern }) => pattern,
  run: async (search, context) => {
    const found =
      search.target === "files" ? await findFiles(search, context) : await findLines(search, context);
    const count = found.results.length === 0 ? "Nothing found" : `${found.results.length} found`;
    return [...found.results, `[${[count, ...found.notes].join("; ")}.]`].join("\n");
  },
});

interface Search {
  pattern: string;
  path: string;
  glob?: string;
  limit: number;
}

interface Found {
  results: string[];
  /** What the model must know of what is not in the results. */
  notes: string[];
}

async function findFiles(search: Search, { workspace, signal }: ToolContext): Promise<Found> {
  if (search.glob !== undefined) throw new ToolError("glob is only for target content; put it into pattern.");
  const isGlob = /[*?[{]/.test(search.pattern);
  const glob = anywhere(isGlob ? search.pattern : `*${search.pattern}*`);
  const results: string[] = [];
  for await (const file of workspace.walk({ path: search.path, glob, signal })) {
    if (results.length === search.limit) return { results: results.sort(), notes: [cutNote(search)] };
    results.push(file.path);
  }
  return { results: results.sort(), notes: [] };
}

async function findLines(search: Search, context: ToolContext): Promise<Found> {
  const budget = AbortSignal.timeout(BUDGET_MS);
  const signal = AbortSignal.any([context.signal, budget]);
  const matcher = new LineMatcher(search.pattern, signal);
  const results: string[] = [];
  const skipped: string[] = [];
  const notes = (cut: string[]): string[] =>
    skipped.length === 0 ? cut : [...cut, `${skipped.length} files that are no text were passed over`];
  try {
    for await (const line of matchingLines(search, { ...context, signal, matcher, skipped })) {
      if (results.length === search.limit) return { results, notes: notes([cutNote(search)]) };
      results.push(line);
    }
    return { results, notes: notes([]) };
  } catch (error) {
    if (!budget.aborted || context.signal.aborted) throw error;
    return { results, notes: notes([`stopped after ${BUDGET_MS / 1_000} s, so there may be more`]) };
  } finally {
    await matcher.close();
  }
}

interface LineSearch extends Pick<ToolContext, "workspace" | "signal"> {
  matcher: LineMatcher;
  /** Gets the paths of files that could not be searched. */
  skipped: string[];
}

async function* matchingLines(search: Search, context: LineSearch): AsyncGenerator<string> {
  const { workspace, signal, skipped } = context;
  const isDirectory = await workspace.directory(search.path).then(
    () => true,
    () => false,
  );
  if (!isDirectory) {
    yield* matchingLinesIn(search.path, context);
    return;
  }
  for await (const { path } of workspace.walk({
    path: search.path,
    glob: anywhere(search.glob ?? "**"),
    signal,
  })) {
    try {
      yield* matchingLinesIn(path, context);
    } catch (error) {
      if (!(error instanceof ToolError) || error instanceof SlowPatternError) throw error;
      skipped.push(path);
    }
  }
}

async function* matchingLinesIn(
  path: string,
  { workspace, signal, matcher }: LineSearch,
): AsyncGenerator<string> {
  let before = 0;
  for await (const lines of workspace.lines(path, { maxChars: MAX_LINE_CHARS, signal })) {
    for (const index of await matcher.match(lines)) {
      yield `${path}:${before + index + 1}: ${shortened(lines[index] ?? "")}`;
    }
    before += lines.length;
  }
}

/** A glob without a directory means files anywhere, as in .gitignore. */
function anywhere(glob: string): string {
  return glob.includes("/") || glob === "**" ? glob : `**/${glob}`;
}

function shortened(line: string): string {
  return line.length <= MAX_SHOWN_CHARS ? line : `${line.slice(0, MAX_SHOWN_CHARS)}…`;
}

function cutNote({ limit }: Search): string {
  return `there are more than the limit of ${limit}: narrow the search or raise the limit`;
}

/** Its message is meant for the model. */
class SlowPatternError extends ToolError {}

/** Runs in a thread of its own: a pattern that backtracks without end can be stopped there, and blocks nobody. */
const MATCHER_THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  const pattern = new RegExp(workerData.source, workerData.flags);
  parentPort.on("message", (lines) => {
    const found = [];
    lines.forEach((line, index) => pattern.test(line) && found.push(index));
    parentPort.postMessage(found);
  });
`;

class LineMatcher {
  readonly #thread: Worker;
  readonly #signal: AbortSignal;

  /** @throws ToolError when the pattern is no regular expression. */
  constructor(pattern: string, signal: AbortSignal) {
    this.#signal = signal;
    this.#thread = new Worker(MATCHER_THREAD, {
      eval: true,
      workerData: compiled(pattern),
      // Nothing of the server reaches the thread, neither its environment nor its flags.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    // Whoever waits for an answer gets the error; without this line one that nobody waits for would end the server.
    this.#thread.on("error", () => undefined);
  }

  /**
   * The indexes of the lines that match.
   * @throws SlowPatternError when that takes too long.
   */
  async match(lines: readonly string[]): Promise<number[]> {
    const tooSlow = AbortSignal.timeout(BATCH_MS);
    this.#thread.postMessage(lines);
    try {
      const [found] = await once(this.#thread, "message", {
        signal: AbortSignal.any([this.#signal, tooSlow]),
      });
      return found;
    } catch (error) {
      this.#signal.throwIfAborted();
      if (tooSlow.aborted) throw new SlowPatternError("The pattern takes too long: use a simpler one.");
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

function compiled(pattern: string): { source: string; flags: string } {
  const source = pattern.replace(/^\(\?i\)/, "");
  try {
    const { flags } = new RegExp(source, source === pattern ? "" : "i");
    return { source, flags };
  } catch (error) {
    throw new ToolError(
      error instanceof Error ? `${error.message}.` : "The pattern is no regular expression.",
    );
  }
}
