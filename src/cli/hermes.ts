#!/usr/bin/env node
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { Command, CommandGroup } from "./command.ts";

const HELP = `hermes-api-server: an agent with tools behind every program that speaks OpenAI

Usage
  hermes [serve] [options]     start the server (default)
  hermes jobs <action>         look after the running server's jobs; hermes jobs --help lists the actions
  hermes models [options]      list the models that the configured upstream offers
  hermes backup <file>         write a copy of the running server's database to a new file
  hermes operator-key          make the key that answers to approvals need, and show it once

Options
  -p, --profile <name>   use the profile's own home, key and port
      --host <address>   listen on this address        (API_SERVER_HOST, default 127.0.0.1)
      --port <number>    listen on this port           (API_SERVER_PORT, default 8642)
      --home <directory> where configuration and data lie (HERMES_HOME, default ~/.hermes)
      --force            let a backup take the place of a file that exists
  -h, --help             show this help
  -v, --version          show the version

Exit codes
  0 ended well   1 failed   64 wrong usage   69 port or database is taken, or no server runs   78 wrong configuration

Settings: config.yaml and .env in the home; docs/guides/configuration.md lists them all.
`;

/** Those of every command. */
const OPTIONS = {
  profile: { type: "string", short: "p" },
  host: { type: "string" },
  port: { type: "string" },
  home: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

const jobs = async () => (await import("./jobs.ts")).jobs;

/** Loaded when they are wanted: together they take a quarter of a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command | CommandGroup>>> = {
  serve: async () => ({
    usage: "",
    run: async ({ options }) => (await import("../main.ts")).serve(options),
  }),
  models: async () => ({
    usage: "",
    run: async ({ options }) => (await import("./models.ts")).printModels(options),
  }),
  backup: async () => (await import("./backup.ts")).backup,
  "operator-key": async () => (await import("./operator-key.ts")).operatorKey,
  jobs,
  // As hermes-agent's users type it.
  cron: jobs,
};

/** Flags are only shorter names of variables. */
const VARIABLES = { host: "API_SERVER_HOST", port: "API_SERVER_PORT", home: "HERMES_HOME" } as const;

const USAGE_ERROR = 64;
const MIN_NODE = [22, 19] as const;

/** The command line cannot be understood; the message has one line. */
class UsageError extends Error {}

if (isOldNode(process.versions.node)) {
  fail(
    `Node.js ${MIN_NODE.join(".")} or later is needed; this is ${process.versions.node}. "npm start" brings its own.`,
    1,
  );
} else await main(process.argv.slice(2));

function isOldNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < MIN_NODE[0] || (major === MIN_NODE[0] && minor < MIN_NODE[1]);
}

async function main(args: string[]): Promise<void> {
  try {
    await dispatch(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    fail(error.message, USAGE_ERROR);
  }
}

async function dispatch(args: string[]): Promise<void> {
  const { positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: false });
  const [name = "serve"] = positionals;
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const found = await load?.();
  if (found !== undefined && "actions" in found) return dispatchAction(found, { args, name });
  const { values, rest } = readArgs(args, found?.options, "hermes");
  if (values["help"] === true) process.stdout.write(HELP);
  else if (values["version"] === true) process.stdout.write(`${(await import("../version.ts")).VERSION}\n`);
  else if (found === undefined || (found.usage === "" && rest.length > 1))
    throw new UsageError(`Unknown command: ${rest.join(" ")}. Run hermes --help.`);
  else await runCommand(found, { name, values, args: rest.slice(1) });
}

async function dispatchAction(
  { actions, help }: CommandGroup,
  { args, name }: { args: string[]; name: string },
): Promise<void> {
  // With the options of all actions: one that stands before its action takes its value, too.
  const known = Object.assign({}, OPTIONS, ...Object.values(actions).map(({ options }) => options));
  const { positionals } = parseArgs({ args, options: known, allowPositionals: true, strict: false });
  const [, action = ""] = positionals;
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined;
  const { values, rest } = readArgs(args, found?.options, `hermes ${name}`);
  if (values["help"] === true) process.stdout.write(help);
  else if (found === undefined) {
    const wrong = action === "" ? "An action is missing" : `Unknown action: ${action}`;
    throw new UsageError(`${wrong}. Run hermes ${name} --help.`);
  } else await runCommand(found, { name: `${name} ${action}`, values, args: rest.slice(2) });
}

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** @throws UsageError for an option that is not there or lacks its value. */
function readArgs(
  args: string[],
  own: ParseArgsOptionsConfig | undefined,
  program: string,
): { values: Values; rest: string[] } {
  try {
    const options: ParseArgsOptionsConfig = { ...OPTIONS, ...own };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { values, rest: positionals };
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(". ")[0]}. Run ${program} --help.`);
  }
}

function toOptions(values: Values) {
  const flags: Record<string, string> = {};
  for (const [flag, variable] of Object.entries(VARIABLES)) {
    const value = values[flag];
    if (typeof value === "string") flags[variable] = value;
  }
  const { profile } = values;
  return { flags, ...(typeof profile === "string" && { profile }) };
}

async function runCommand(
  command: Command,
  { name, values, args }: { name: string; values: Values; args: string[] },
): Promise<void> {
  const needed = command.usage.split("<").length - 1;
  const most = needed + command.usage.split("[").length - 1;
  if (args.length < needed || args.length > most)
    throw new UsageError(`Usage: hermes ${name} ${command.usage}`.trim());
  const { EXIT, StartError, toStartError } = await import("./failure.ts");
  try {
    await command.run({ options: toOptions(values), args, values });
  } catch (error) {
    const known = toStartError(error);
    if (known instanceof StartError) fail(known.message, known.exitCode);
    else if (name !== "serve") fail((error as Error).message, EXIT.failure);
    else throw error;
  }
}

function fail(message: string, code: number): void {
  process.stderr.write(`hermes: ${message}\n`);
  process.exitCode = code;
}
