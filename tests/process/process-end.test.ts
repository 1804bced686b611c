import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { TestProcess } from "../helpers/process.ts";

const SCRIPT = join(import.meta.dirname, "hanging-process.ts");

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

const ENDED = { code: 0, signal: null };
const KILLED = { code: null, signal: "SIGKILL" };

test("a process whose threads end by themselves ends with its code", async () => {
  expect(await endWhileHanging("none")).toEqual(ENDED);
});

test.each(["pool", "main"] as const)("a process is killed when a thread of it hangs: %s", async (who) => {
  expect(await endWhileHanging(who)).toEqual(KILLED);
});

test("a process ends although a worker of it hangs", async () => {
  // It can be ended as long as it has not begun to hang, which nobody can see from outside.
  expect([ENDED, KILLED]).toContainEqual(await endWhileHanging("worker"));
});
