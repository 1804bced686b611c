/**
 * What a server does with commands, in a process of its own. `run HOME`: prints what the command in the variable
 * COMMAND prints until somebody kills it. `clean HOME`: kills what was left and prints how many processes that were.
 */
import { createLocalSandbox, killLeftCommands } from "../../src/sandbox/local.ts";

const [task = "", home = ""] = process.argv.slice(2);

if (task === "clean") process.stdout.write(`killed ${await killLeftCommands(home)}\n`);
else
  await createLocalSandbox({ env: process.env, home }).run({
    command: process.env["COMMAND"] ?? "",
    cwd: "/",
    timeoutMs: 60_000,
    maxOutputBytes: 1_000,
    signal: new AbortController().signal,
    onOutput: (text) => void process.stdout.write(text),
  });
