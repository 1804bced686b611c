import { z } from "zod";
import { defineTool, shownPath } from "../src/tools/define.ts";

/** Creates or replaces a file. */
export const tool = defineTool({
  name: "write_file",
  toolset: "file",
  emoji: "✍️",
  description:
    "Creates a text file in the workspace, or replaces it whole; missing directories are created. " +
    "To change a part of a file use patch.",
  effect: "write",
  parameters: z.strictObject({
    path: z.string().min(1).describe("The file, relative to the workspace."),
    content: z.string().describe("The whole content of the file."),
  }),
  preview: ({ path }) => path,
  writes: ({ path }) => [path],
  run: async ({ path, content }, { workspace }) => {
    const { created, bytes } = await workspace.write(path, content);
    return `${created ? "Created" : "Replaced"} ${shownPath(path)} (${bytes} bytes).`;
  },
});
