#!/usr/bin/env node
import { parseArgs } from "node:util";
import type { LoadOptions } from "../config/load.ts";

const HELP = `hermes-api-server: an agent with tools behind every program that speaks OpenAI

Usage
  hermes [serve] [options]     start the server (default)
  hermes models [options]      list the models that the configured upstream offers
  hermes backup <file>         write a copy of the running server's database to a new file

Options
  -p, --profile <name>   use the profile's own home, key and port
      --host <address>   listen on this address        (API_SERVER_HOST, default 127.0.0.1)
      --port <number>    listen on this port           (API_SERVER_PORT, default 8642)
      --home <directory> where configuration and data lie (HERMES_HOME, default ~/.hermes)
      --force            let a backup take the place of a file that exists
  -h, --help             show this help
  -v, --version          show the version

Exit codes
  0 ended well   1 failed   64 wrong usage   69 port or database is taken   78 wrong configuration

Settings: config.yaml and .env in the home; docs/guides/configuration.md lists them all.
`;

const OPTIONS = {
  profile: { type: "string", short: "p" },
  host: { type: "string" },
  port: { type: "string" },
  home: { type: "string" },
  force: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const;

/** Loaded when they are wanted: together they take a quarter of a second. */
const COMMANDS = {
  serve: async (options: LoadOptions) => (await import("../main.ts")).serve(options),
  models: async (options: LoadOptions) => (await import("./models.ts")).printModels(options),
  backup: async (options: LoadOptions, { file, force = false }: Given) =>
    (await import("./backup.ts")).backUp(options, { file, force }),
};

const USAGE_ERROR = 64;
const MIN_NODE = [22, 19] as const;

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
  const parsed = parse(args);
  if (parsed === undefined) return;
  const { values, positionals } = parsed;
  const [name = "serve", ...rest] = positionals;
  if (values.help) process.stdout.write(HELP);
  else if (values.version) process.stdout.write(`${(await import("../version.ts")).VERSION}\n`);
  else if (name === "backup" && rest.length !== 1)
    fail("A backup needs the name of one file. Run hermes --help.", USAGE_ERROR);
  else if (!(name in COMMANDS) || (rest.length > 0 && name !== "backup"))
    fail(`Unknown command: ${positionals.join(" ")}. Run hermes --help.`, USAGE_ERROR);
  else await run(name as Command, { ...values, file: rest[0] ?? "" });
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    fail(`${(error as Error).message.split(". ")[0]}. Run hermes --help.`, USAGE_ERROR);
    return undefined;
  }
}

/** Flags are only shorter names of variables. */
function variables(values: { host?: string; port?: string; home?: string }): Record<string, string> {
  const env: Record<string, string> = {};
  if (values.host !== undefined) env["API_SERVER_HOST"] = values.host;
  if (values.port !== undefined) env["API_SERVER_PORT"] = values.port;
  if (values.home !== undefined) env["HERMES_HOME"] = values.home;
  return env;
}

/** What a command is told. */
interface Given {
  host?: string;
  port?: string;
  home?: string;
  profile?: string;
  force?: boolean;
  file: string;
}

type Command = keyof typeof COMMANDS;

async function run(command: Command, given: Given): Promise<void> {
  const { profile } = given;
  const options = { flags: variables(given), ...(profile !== undefined && { profile }) };
  const { EXIT, StartError, startErrorOf } = await import("../main.ts");
  try {
    await COMMANDS[command](options, given);
  } catch (error) {
    const known = startErrorOf(error);
    if (known instanceof StartError) fail(known.message, known.exitCode);
    else if (command !== "serve") fail((error as Error).message, EXIT.failure);
    else throw error;
  }
}

function fail(message: string, code: number): void {
  process.stderr.write(`hermes: ${message}\n`);
  process.exitCode = code;
}
