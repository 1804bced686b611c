import { z } from "zod";
import { defineTool, type ToolContext, type Toolset } from "../src/tools/define.ts";

const DEFAULT_LINES = 500;
const MAX_LINES = 2_000;
const MAX_LINE_CHARS = 2_000;
const MAX_PAGE_CHARS = 50_000;

/** The group of tools that work with files, in this file and others. */
export const toolset: Toolset = {
  name: "file",
  label: "Files",
  description: "Read, write, patch and search files in the workspace",
};

/** Reads a text file, a page at a time. */
export const tool = defineTool({
  name: "read_file",
  toolset: toolset.name,
  emoji: "📖",
  description:
    "Reads a text file of the workspace, a page at a time. Each line is answered as its number, a |, and its text; " +
    "the number and the | are not part of the file. The last line says where to go on when there is more.",
  effect: "read",
  parameters: z.strictObject({
    path: z.string().min(1).describe("The file, relative to the workspace."),
    offset: z.int().min(1).default(1).describe("Number of the first line to read; 1 if left out."),
    limit: z
      .int()
      .min(1)
      .max(MAX_LINES)
      .default(DEFAULT_LINES)
      .describe(`Lines to read; ${DEFAULT_LINES} if left out, at most ${MAX_LINES}.`),
  }),
  preview: ({ path }) => path,
  run: async (request, context) => {
    const page = await readPage(request, context);
    return [...page.lines, `[${footer(page, request.offset)}]`].join("\n");
  },
});

interface PageRequest {
  path: string;
  offset: number;
  limit: number;
}

interface Page {
  lines: string[];
  /** The number of the last line that was read. */
  last: number;
  hasMore: boolean;
}

async function readPage({ path, offset, limit }: PageRequest, context: ToolContext): Promise<Page> {
  const lines: string[] = [];
  let number = 0;
  let chars = 0;
  for await (const batch of context.workspace.lines(path, {
    maxChars: MAX_LINE_CHARS,
    signal: context.signal,
  })) {
    if (number + batch.length < offset) {
      number += batch.length;
      continue;
    }
    for (const line of batch) {
      if (lines.length === limit || chars > MAX_PAGE_CHARS) return { lines, last: number, hasMore: true };
      number++;
      if (number < offset) continue;
      const numbered = `${number}|${line}`;
      lines.push(numbered);
      chars += numbered.length;
    }
  }
  return { lines, last: number, hasMore: false };
}

function footer({ lines, last, hasMore }: Page, offset: number): string {
  if (hasMore) return `There is more: go on with offset ${last + 1}.`;
  if (last === 0) return "The file is empty.";
  if (lines.length === 0) return `The file ends before line ${offset}: it has ${last} lines.`;
  return `End of the file: ${last} lines.`;
}
