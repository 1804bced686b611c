import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { TestProcess } from "../../helpers/process.ts";

const SCRIPT = join(import.meta.dirname, "..", "..", "helpers", "hanging-process.ts");

/** A process that was told to end while one of its threads hangs. */
async function endWhileHanging(who: "none" | "pool" | "worker" | "main") {
  const cwd = await temporaryDirectory();
  const fifo = join(cwd, "fifo");
  execFileSync("mkfifo", [fifo]);
  const hanging = new TestProcess(process.execPath, [SCRIPT, who, fifo], { cwd });
  await hanging.says(/up/);
  hanging.child.kill("SIGTERM");
  return hanging.ending();
}

test("a process whose threads end by themselves ends with its code", async () => {
  expect(await endWhileHanging("none")).toEqual({ code: 0, signal: null });
});

test.each(["pool", "worker", "main"] as const)("a process ends although a thread hangs: %s", async (who) => {
  expect(await endWhileHanging(who)).toEqual({ code: null, signal: "SIGKILL" });
});
