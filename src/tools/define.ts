import type { z } from "zod";
import type { InputImage, InputText } from "../domain/item.ts";
import type { JsonObject } from "../lib/json.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { ToolPorts } from "./ports.ts";
import type { Workspace } from "./workspace.ts";

/**
 * What repeating a call would do; it decides what recovery after a crash may repeat.
 * `read`: nothing. `idempotent`: nothing more, with the same call id. `write`: it would happen again.
 */
export type Effect = "read" | "idempotent" | "write";

/** What a tool may use; everything reaches it from here, never by import. */
export interface ToolContext {
  callId: string;
  /** Aborted when the run stops; a tool must then end at once and leave nothing running. */
  signal: AbortSignal;
  /** File access that cannot leave the workspace. */
  workspace: Workspace;
  /** Where commands run. */
  sandbox: Sandbox;
  /** Tells watchers how far the call is, in a few words or as raw output. */
  progress(text: string): void;
  /** The server's own services, as the owner of the run may use them. */
  ports: ToolPorts;
  /** Asks the user and waits; resolves with undefined when nobody answered in time. Only for tools that need a person. */
  ask?: ((question: string, choices?: readonly string[]) => Promise<string | undefined>) | undefined;
}

/** What a tool answers: text, or parts of text and images. Long ones are cut. */
export type ToolResult = string | (InputText | InputImage)[];

/** What a tool takes: a zod type, or the JSON Schema of an object, as other programs describe their tools. */
type Parameters = z.ZodType | Readonly<JsonObject>;

/** The arguments that a tool gets: as its zod type gives them, or as the model wrote them. */
export type ArgumentsOf<Params extends Parameters> = Params extends z.ZodType ? z.infer<Params> : JsonObject;

/** A tool as its file defines it. */
export interface Tool<Params extends Parameters = Parameters> {
  name: string;
  toolset: string;
  /** For the model: what it does, when to use it, what it answers. */
  description: string;
  /** For people: shown with progress. */
  emoji: string;
  effect: Effect;
  /** What repeating this very call would do, where that is less than the worst. */
  effectOf?(args: ArgumentsOf<Params>): Effect;
  /** It is offered only where somebody can be asked. */
  needsPerson?: boolean;
  /** It is not there for jobs: what runs by itself does not decide on what runs by itself. */
  notInJobs?: boolean;
  parameters: Params;
  /** The argument worth showing in a progress line, for example the command. */
  preview(args: ArgumentsOf<Params>): string;
  /** The command as a shell would run it, when the tool runs one: it is what the policy judges. */
  command?(args: ArgumentsOf<Params>): string;
  /** Says what is wrong with valid arguments, in words: nobody is asked about such a call, and it is not run. */
  problem?(args: ArgumentsOf<Params>, ports: ToolPorts): string | undefined;
  /** Says why a person must approve the call, whatever it runs and writes; undefined: no reason. */
  asks?(args: ArgumentsOf<Params>, ports: ToolPorts): string | undefined | Promise<string | undefined>;
  /** The files that the call changes, as the arguments name them: the policy judges these, and no others can be written. */
  writes?(args: ArgumentsOf<Params>): string[];
  /**
   * Does the call; the model reads what it resolves with.
   * @throws anything: the model then reads the message as the tool's error.
   */
  run(args: ArgumentsOf<Params>, context: ToolContext): Promise<ToolResult>;
}

/** A named group of tools, as people choose it and see it in lists. One of the files with its tools exports it as `toolset`. */
export interface Toolset {
  name: string;
  label: string;
  description: string;
}

/** Types a tool's parts against its parameters; the object is returned as it is. */
export function defineTool<Params extends Parameters>(tool: Tool<Params>): Tool<Params> {
  return tool;
}

/** An error whose message is meant for the model. */
export class ToolError extends Error {}

/** What can end a line or change how it reads: control characters, line separators, halves of pairs, writing directions. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** What would make a path look like a quoted one, or like one with a line number after it. */
const MISLEADING = /^"|:\d+:/;

/**
 * A path as it may stand in a line of a tool's result: quoted and escaped as in JSON, which is how a model passes it back,
 * when it could be taken for anything but one path.
 */
export function shownPath(path: string): string {
  if (path.search(UNSAFE) < 0 && !MISLEADING.test(path)) return path;
  return JSON.stringify(path).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
