/** Runs the long fault tests; `--quick` is their short form, for every change. Anything else is passed on to vitest. */
import { spawn } from "node:child_process";
import { join } from "node:path";

const given = process.argv.slice(2);
const isQuick = given.includes("--quick");
const root = join(import.meta.dirname, "..");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const args = [
  "run",
  "--config",
  "tests/faults/vitest.config.ts",
  ...given.filter((arg) => arg !== "--quick"),
];
const env = { ...process.env, FAULTS: isQuick ? "quick" : "full" };
const child = spawn(process.execPath, [vitest, ...args], { cwd: root, env, stdio: "inherit" });
child.once("close", (code) => {
  process.exitCode = code ?? 1;
});
