import { z } from "zod";
import { defineTool, shownPath, ToolError } from "../src/tools/define.ts";

const MAX_LISTED = 10;

/** More places are no edit but a conversion, which a command does better and without holding up others. */
const MAX_PLACES = 10_000;
/** No longer file could be edited again. */
const MAX_CHARS = 10_000_000;
/** In longer files nobody looks for what is nearly the text. */
const MAX_HINT_CHARS = 1_000_000;

/** Replaces a part of a file. */
export const tool = defineTool({
  name: "patch",
  toolset: "file",
  emoji: "🔧",
  description:
    "Replaces text in a file of the workspace. old_string must be in the file exactly as given, with its spaces and " +
    "line breaks and without the line numbers of read_file, and only once unless replace_all is true: add the lines " +
    "around it until it is unique. Line endings of the file are kept.",
  effect: "write",
  parameters: z.strictObject({
    path: z.string().min(1).describe("The file, relative to the workspace."),
    old_string: z.string().min(1).describe("The text to replace."),
    new_string: z.string().describe("The text to put in its place; empty to delete it."),
    replace_all: z.boolean().default(false).describe("Replace every occurrence; false if left out."),
  }),
  preview: ({ path }) => path,
  writes: ({ path }) => [path],
  run: async (edit, { workspace }) => {
    let lines: number[] = [];
    await workspace.edit(edit.path, (content) => {
      const change = replaced(content, edit);
      lines = change.lines;
      return change.content;
    });
    const places =
      lines.length === 1 ? `line ${lines[0]}` : `${lines.length} places, lines ${formatLines(lines)}`;
    return `Changed ${shownPath(edit.path)} at ${places}.`;
  },
});

interface Edit {
  old_string: string;
  new_string: string;
  replace_all: boolean;
}

function replaced(content: string, edit: Edit): { content: string; lines: number[] } {
  if (edit.old_string === edit.new_string) throw new ToolError("old_string and new_string are the same.");
  const { before, after } = matchLineEndings(content, edit);
  const parts = content.split(before, MAX_PLACES + 2);
  if (parts.length > MAX_PLACES + 1)
    throw new ToolError(
      `old_string is in the file more than ${MAX_PLACES} times. Make it longer, or use a command.`,
    );
  const lines = lineNumbers(parts, before);
  if (lines.length === 0)
    throw new ToolError(`old_string is not in the file. ${hint(content, edit.old_string)}`);
  if (lines.length > 1 && !edit.replace_all) {
    throw new ToolError(
      `old_string is in the file ${lines.length} times, at lines ${formatLines(lines)}. ` +
        "Add lines around it to make it unique, or set replace_all.",
    );
  }
  if (content.length + lines.length * (after.length - before.length) > MAX_CHARS)
    throw new ToolError("The file would be too big to be edited again (over 10 MB).");
  return { content: parts.join(after), lines };
}

/** Models write LF; a file of CRLF lines is matched and kept as such. */
function matchLineEndings(
  content: string,
  { old_string, new_string }: Edit,
): { before: string; after: string } {
  const isCrLf = content.includes("\r\n") && !/[^\r]\n/.test(content);
  if (!isCrLf) return { before: old_string, after: new_string };
  const toCrLf = (text: string): string => text.replace(/\r?\n/g, "\r\n");
  return { before: toCrLf(old_string), after: toCrLf(new_string) };
}

/** The line on which each occurrence begins, from the parts between them. */
function lineNumbers(parts: readonly string[], separator: string): number[] {
  const inSeparator = breaks(separator);
  let line = 1;
  return parts.slice(0, -1).map((part) => {
    const start = line + breaks(part);
    line = start + inSeparator;
    return start;
  });
}

const LINE_FEED = 0x0a;

function breaks(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) === LINE_FEED) count++;
  return count;
}

/** What may be wrong with a text that is not there. */
function hint(content: string, text: string): string {
  if (content.length + text.length > MAX_HINT_CHARS) return READ_AGAIN;
  const lines = content.split(/\r?\n/).map((line) => line.trim());
  const wanted = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (wanted.length > 0 && wanted.every((line) => /^\d+\|/.test(line))) {
    return "It seems to hold the line numbers of read_file: leave them out.";
  }
  const [first = ""] = wanted;
  const found = lines.flatMap((line, index) => (first !== "" && line === first ? [index + 1] : []));
  const match = found.slice(0, MAX_LISTED).find((start) => isAt(lines, start - 1, wanted));
  if (match !== undefined)
    return `Only its white space differs from the text at line ${match}: read it again.`;
  if (found.length > 0) return `Its first line is at line ${formatLines(found)}, but what follows differs.`;
  return READ_AGAIN;
}

const READ_AGAIN = "Read the file again: it may have changed.";

/** Whether the lines that are not empty, from `start` on, are the wanted ones. */
function isAt(lines: readonly string[], start: number, wanted: readonly string[]): boolean {
  let at = start;
  for (const line of wanted) {
    while (lines[at] === "") at++;
    if (lines[at] !== line) return false;
    at++;
  }
  return true;
}

function formatLines(lines: readonly number[]): string {
  const shown = lines.slice(0, MAX_LISTED).join(", ");
  return lines.length > MAX_LISTED ? `${shown}, …` : shown;
}
