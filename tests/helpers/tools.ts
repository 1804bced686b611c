import type { z } from "zod";
import { joinText } from "../../src/domain/item.ts";
import { createLocalSandbox } from "../../src/sandbox/local.ts";
import type { ArgumentsOf, Tool, ToolContext } from "../../src/tools/define.ts";
import { createWorkspace } from "../../src/tools/files/workspace.ts";
import { temporaryDirectory } from "./directory.ts";

/** What a tool gets, with a workspace in a new directory and a sandbox that has the environment of this process. */
export async function toolContext(changes: Partial<ToolContext> = {}): Promise<ToolContext> {
  const workspace = await createWorkspace({ root: await temporaryDirectory(), protectedPaths: [] });
  return {
    callId: "call_test",
    signal: new AbortController().signal,
    workspace,
    sandbox: createLocalSandbox({ env: process.env, home: "/home-of-tests" }),
    progress: () => undefined,
    ports: {},
    ...changes,
  };
}

/** Calls a tool as the registry does: the arguments are checked first. Resolves with the text of its result. */
export async function callTool<Schema extends z.ZodType>(
  tool: Tool<Schema>,
  args: z.input<Schema>,
  context: ToolContext,
): Promise<string> {
  return joinText(await tool.run(tool.parameters.parse(args) as ArgumentsOf<Schema>, context));
}
