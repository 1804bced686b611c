import { z } from "zod";
import { defineTool, shownPath, type ToolContext, ToolError } from "../src/tools/define.ts";

type SearchRequest = Parameters<ToolContext["workspace"]["search"]>[0];
type SearchResult = Awaited<ReturnType<ToolContext["workspace"]["search"]>>;

const DEFAULT_RESULTS = 100;
const MAX_RESULTS = 1_000;
/** What a whole search may take. */
const BUDGET_MS = 20_000;

const parameters = z.strictObject({
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
  path: z.string().default(".").describe("Directory, or one file, to search in; the workspace if left out."),
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
});

/** Searches the workspace. */
export const tool = defineTool({
  name: "search_files",
  toolset: "file",
  emoji: "🔎",
  description:
    "Searches the workspace, without what .gitignore excludes, .git and node_modules. With target content: lines that " +
    "match a JavaScript regular expression, answered as path:line: text. With target files: paths of files by name.",
  effect: "read",
  parameters,
  preview: ({ pattern }) => pattern,
  run: async (search, { workspace, signal }) => {
    const found = await workspace.search(toSearchRequest(search), signal);
    const results = found.matches.map(formatMatch);
    if (search.target === "files") results.sort();
    return [...results, searchFooter(found, search)].join("\n");
  },
});

type Search = z.infer<typeof parameters>;

function toSearchRequest({ target, pattern, path, glob, limit }: Search): SearchRequest {
  const common = { path, limit, budgetMs: BUDGET_MS };
  if (target === "content") return { ...common, glob: anywhere(glob ?? "**"), pattern: compiled(pattern) };
  if (glob !== undefined) throw new ToolError("glob is only for target content; put it into pattern.");
  const isGlob = /[*?[{]/.test(pattern);
  return { ...common, glob: anywhere(isGlob ? pattern : `*${pattern}*`) };
}

/** A glob without a directory means files anywhere, as in .gitignore. */
function anywhere(glob: string): string {
  return glob.includes("/") || glob === "**" ? glob : `**/${glob}`;
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

function formatMatch({ path, line }: SearchResult["matches"][number]): string {
  return line === undefined ? shownPath(path) : `${shownPath(path)}:${line.number}: ${line.text}`;
}

/** What the model must know of what is not in the results. */
function searchFooter({ matches, cut, passedOver }: SearchResult, { limit }: Search): string {
  const notes = [matches.length === 0 ? "Nothing found" : `${matches.length} found`];
  if (cut === "limit")
    notes.push(`there are more than the limit of ${limit}: narrow the search or raise the limit`);
  if (cut === "time") notes.push(`stopped after ${BUDGET_MS / 1_000} s, so there may be more`);
  if (passedOver > 0) notes.push(`${passedOver} files that are no text were passed over`);
  return `[${notes.join("; ")}.]`;
}
