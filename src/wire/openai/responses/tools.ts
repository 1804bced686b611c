import { type ApiError, invalidRequest } from "../../../domain/error.ts";
import type { ToolChoice, ToolSpec } from "../../../domain/run.ts";
import { quoted } from "../../../lib/text.ts";
import { functionSpec } from "../../shared/functions.ts";
import type { ResponsesRequest } from "./schema.ts";

/** What the server knows of tools besides the request. */
export interface ToolTerms {
  /** `ignore`: the client's tools are left out, since it would not run them. */
  clientTools: "allow" | "ignore";
  /** Whether the server has a tool of that name. */
  isOwnTool(name: string): boolean;
}

type Tool = NonNullable<ResponsesRequest["tools"]>[number];
type Choice = Exclude<NonNullable<ResponsesRequest["tool_choice"]>, string>;
type Function = Extract<Tool, { parameters?: unknown; name: string }>;
/** Whatever names a tool: its declaration, or a choice of it. */
type Named = { type: string; name?: unknown };

/** Which of the server's tools does what one of OpenAI's hosted tools is for; dated and preview names mean the same. */
const OWN_TOOL: readonly [hosted: RegExp, own: string][] = [
  [/^web_search(_preview)?(_\d{4}_\d{2}_\d{2})?$/, "web_search"],
  [/^file_search$/, "search_files"],
  [/^(code_interpreter|local_shell|shell)$/, "terminal"],
  [/^apply_patch$/, "patch"],
];

/** The enabled tool of the server that stands for a hosted one. */
function ownTool(type: string, { isOwnTool }: ToolTerms): string | undefined {
  const own = OWN_TOOL.find(([hosted]) => hosted.test(type))?.[1];
  return own !== undefined && isOwnTool(own) ? own : undefined;
}

function isFunction(tool: Tool): tool is Function {
  return tool.type === "function";
}

/**
 * The functions that the client runs. A hosted tool needs no more than that the server has one of its purpose, which
 * the model is offered anyway.
 * @throws ApiError 400 for a function declared twice, and a hosted tool that nothing here stands for.
 */
export function clientTools({ tools }: ResponsesRequest, terms: ToolTerms): ToolSpec[] {
  const specs = new Map<string, ToolSpec>();
  for (const [index, tool] of (tools ?? []).entries()) {
    if (isFunction(tool)) {
      if (specs.has(tool.name)) {
        throw invalidRequest(`tools[${index}].name`, `The tool "${tool.name}" is declared twice.`);
      }
      specs.set(tool.name, functionSpec(tool));
    } else if (ownTool(tool.type, terms) === undefined) {
      throw unsupportedTool(`tools[${index}].type`, tool.type);
    }
  }
  return terms.clientTools === "ignore" ? [] : [...specs.values()];
}

function unsupportedTool(param: string, type: string): ApiError {
  return invalidRequest(
    param,
    `The tool type ${quoted(type)} is not available here; declare functions, or let the agent use its own tools.`,
    "unsupported_tool",
  );
}

/**
 * What the model may or must call first, of all that the request declares. Where the client's tools are ignored, so
 * is a choice that speaks of nothing else.
 * @throws ApiError 400 for a choice of something that the request does not declare.
 */
export function toolChoice(request: ResponsesRequest, terms: ToolTerms): ToolChoice {
  const choice = request.tool_choice ?? "auto";
  if (choice === "auto" || choice === "none") return { mode: choice };
  const ignored = terms.clientTools === "ignore";
  const declared = declaredNames(request, terms);
  if (declared.size === 0 && !ignored) {
    throw invalidRequest("tool_choice", "'tool_choice' names or requires a tool, but 'tools' declares none.");
  }
  const chosen = choice === "required" ? undefined : chosenTools(choice);
  const unknown = chosen?.find((one) => !declared.has(chosenName(one, terms)));
  if (unknown !== undefined && !ignored) throw undeclared(unknown);
  const names = chosen?.map((one) => chosenName(one, terms)) ?? [...declared];
  const known = names.filter((name) => declared.has(name));
  if (known.length === 0) return { mode: "auto" };
  return { mode: isAllowed(choice) ? choice.mode : "required", names: known };
}

/** The names by which the model is offered what the request declares. */
function declaredNames({ tools }: ResponsesRequest, terms: ToolTerms): Set<string> {
  const kept = (tools ?? []).filter((tool) => !isFunction(tool) || terms.clientTools === "allow");
  return new Set(kept.map((tool) => chosenName(tool, terms)));
}

type Allowed = Extract<Choice, { mode: unknown }>;

function isAllowed(choice: Choice | string): choice is Allowed {
  return typeof choice === "object" && choice.type === "allowed_tools";
}

function chosenTools(choice: Choice): readonly Named[] {
  return isAllowed(choice) ? choice.tools : [choice];
}

/** The name of the tool that is meant; "" for a hosted one that nothing here stands for. */
function chosenName({ type, name }: Named, terms: ToolTerms): string {
  return type === "function" ? String(name) : (ownTool(type, terms) ?? "");
}

function undeclared({ type, name }: Named): ApiError {
  const what = type === "function" ? `named ${quoted(String(name))}` : `of the type ${quoted(type)}`;
  return invalidRequest("tool_choice", `'tools' declares no tool ${what}.`);
}

/** A declared tool as a response says it again: in place of a hosted one stands the server's that does its work. */
export function echoedTool(tool: Tool, terms: ToolTerms): Record<string, unknown> {
  const { name, description, parameters, strict }: Partial<Function> = isFunction(tool)
    ? tool
    : { name: chosenName(tool, terms) };
  return {
    type: "function",
    name,
    description: description ?? null,
    parameters: parameters ?? null,
    strict: strict ?? null,
  };
}

/** A choice as a response says it again, with the names that its `tools` have. */
export function echoedChoice(
  choice: NonNullable<ResponsesRequest["tool_choice"]>,
  terms: ToolTerms,
): unknown {
  if (typeof choice === "string") return choice;
  const named = chosenTools(choice).map((one) => ({ type: "function", name: chosenName(one, terms) }));
  return isAllowed(choice) ? { type: choice.type, mode: choice.mode, tools: named } : named[0];
}
