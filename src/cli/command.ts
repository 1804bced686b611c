import type { ParseArgsOptionsConfig } from "node:util";
import type { LoadOptions } from "../config/load.ts";

/** What a command is given; `values` are its options, those of every command included. */
export interface Given {
  options: LoadOptions;
  args: readonly string[];
  values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
}

/** One thing that the program does. */
export interface Command {
  /** Its arguments: `<file>` must be given, `[prompt]` may be. */
  usage: string;
  /** Its own options. */
  options?: ParseArgsOptionsConfig;
  /** @throws StartError with one line for the user and the exit code. */
  run(given: Given): Promise<void>;
}

/** A command that does one of several things, which its first argument names. */
export interface CommandGroup {
  help: string;
  actions: Readonly<Record<string, Command>>;
}

/** A text option; undefined when it was not given. */
export function readText({ values }: Given, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}
