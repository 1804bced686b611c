import { z } from "zod";
import { isJsonObject, type JsonObject } from "../lib/json.ts";
import type { Tool } from "./define.ts";
import { fromJsonSchema } from "./json-schema.ts";

/** The arguments of one call: valid, as the tool gets them, or what is wrong with them, in words for the model. */
export type CheckedArguments = { args: unknown } | { problem: string };

/** A tool whose parameters are ready for use. */
export interface CompiledTool {
  tool: Tool;
  /** The JSON Schema of its parameters, as models are given it. */
  schema: JsonObject;
  /** Parses and validates the arguments that a model wrote; never throws. */
  check(text: string): CheckedArguments;
}

/** Compiles a tool's parameters. @throws Error when they are a zod type that has no JSON Schema. */
export function compileTool(tool: Tool): CompiledTool {
  const { name, parameters } = tool;
  const isType = parameters instanceof z.ZodType;
  const check = isType ? createTypeCheck(parameters) : createSchemaCheck(fromJsonSchema(parameters));
  const { $schema: _dialect, ...schema }: JsonObject = isType
    ? z.toJSONSchema(parameters, { io: "input" })
    : parameters;
  return { tool, schema, check: (text) => checkArguments(text, name, check) };
}

function checkArguments(text: string, name: string, check: Check): CheckedArguments {
  const parsed = parseArguments(text);
  if (parsed === undefined)
    return { problem: "The arguments are not valid JSON. Call the tool again with a JSON object." };
  const checked = check(parsed);
  return "args" in checked ? checked : { problem: `Wrong arguments for ${name}:\n${checked.problem}` };
}

function parseArguments(text: string): unknown {
  try {
    // Models send nothing at all for a call without arguments.
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return undefined;
  }
}

type Check = (parsed: unknown) => CheckedArguments;

function createTypeCheck(type: z.ZodType): Check {
  return (parsed) => {
    try {
      const { success, data, error } = type.safeParse(parsed);
      return success ? { args: data } : { problem: z.prettifyError(error) };
    } catch (error) {
      // One of the tool's own refinements threw.
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** The tool gets an object as the model wrote it: no default is filled in, and no field is left out. */
function createSchemaCheck(type: z.ZodType = z.looseObject({})): Check {
  return (parsed) => {
    if (!isJsonObject(parsed)) return { problem: "✖ Invalid input: expected object" };
    try {
      const { success, error } = type.safeParse(parsed);
      return success ? { args: parsed } : { problem: z.prettifyError(error) };
    } catch {
      // Nested too deeply to be checked here.
      return { args: parsed };
    }
  };
}
