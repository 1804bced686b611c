import { z } from "zod";
import type { ToolSpec } from "../domain/run.ts";
import type { Tool } from "./define.ts";

/** The arguments of one call: valid, as the tool gets them, or what is wrong with them, in words for the model. */
export type CheckedArguments = { args: unknown } | { problem: string };

/** The JSON Schema of a tool's parameters, as models are given it. */
export function describeParameters({ parameters }: Tool): ToolSpec["parameters"] {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(parameters, { io: "input" });
  return schema;
}

/** Parses and validates the arguments that a model wrote; never throws. */
export function checkArguments({ name, parameters }: Tool, text: string): CheckedArguments {
  const parsed = parseArguments(text);
  if (parsed === undefined)
    return { problem: "The arguments are not valid JSON. Call the tool again with a JSON object." };
  try {
    const { success, data, error } = parameters.safeParse(parsed);
    return success ? { args: data } : { problem: `Wrong arguments for ${name}:\n${z.prettifyError(error)}` };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function parseArguments(text: string): unknown {
  try {
    // Models send nothing at all for a call without arguments.
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return undefined;
  }
}
