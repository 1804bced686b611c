import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { expectGone, longSleep, processesWith } from "../helpers/left-processes.ts";
import { TestProcess } from "../helpers/process.ts";

const CHILD = join(import.meta.dirname, "sandbox-child.ts");

/** A server of a home that runs a command; the command must say "ready". */
async function serverWith(command: string, home: string): Promise<TestProcess> {
  const server = new TestProcess(process.execPath, [CHILD, "run", home], {
    cwd: "/",
    env: { COMMAND: command },
  });
  await server.says(/ready/);
  return server;
}

/** The next server of a home, which cleans up: how many processes it killed. */
async function clean(home: string, env: Record<string, string> = {}): Promise<number> {
  const server = new TestProcess(process.execPath, [CHILD, "clean", home], { cwd: "/", env });
  const [, count = ""] = await server.says(/killed (\d+)/);
  return Number(count);
}

describe.runIf(process.platform === "linux")("what a killed server's commands left running", () => {
  test.each([
    ["a plain one", (id: string) => `echo ready; sleep ${id}`],
    [
      "a daemon that left its group",
      (id: string) => `setsid sh -c 'sleep ${id} & echo ready; sleep ${id}' & sleep ${id}`,
    ],
    ["a daemon whose parents are gone", (id: string) => `(setsid sleep ${id} &); echo ready; sleep ${id}`],
    ["a child without an environment", (id: string) => `env -i sleep ${id} & echo ready; wait`],
    ["one that stopped itself", (id: string) => `sleep ${id} & echo ready; kill -STOP $$`],
  ])("is killed by the next one of its home: %s", async (_, command) => {
    const [home, id] = [await temporaryDirectory(), longSleep()];
    const server = await serverWith(command(id), home);
    await server.stop("SIGKILL");
    await vi.waitFor(() => expect(processesWith(id).length).toBeGreaterThan(0));
    expect(await clean(home)).toBeGreaterThan(0);
    await expectGone(id);
    expect(await clean(home)).toBe(0);
  });

  test("is left alone by a server of another home, and as long as its own server lives", async () => {
    const [home, other] = [await temporaryDirectory(), await temporaryDirectory()];
    const [id, otherId] = [longSleep(), longSleep()];
    await serverWith(`echo ready; sleep ${id}`, home);
    const killed = await serverWith(`echo ready; sleep ${otherId}`, other);
    await killed.stop("SIGKILL");
    expect(await clean(home)).toBe(0);
    expect([processesWith(id).length, processesWith(otherId).length].every((count) => count > 0)).toBe(true);
    expect(await clean(other)).toBeGreaterThan(0);
    expect(processesWith(id).length).toBeGreaterThan(0);
  });

  test("never kills the server itself, which such a command may have started", async () => {
    const [home, id] = [await temporaryDirectory(), longSleep()];
    const server = await serverWith(`echo ready; sleep ${id}`, home);
    const [pid] = processesWith(id);
    const environment = await readFile(`/proc/${pid}/environ`, "latin1");
    const [, marker = ""] = /HERMES_CALL_ID=([^\0]+)/.exec(environment) ?? [];
    expect(marker).not.toBe("");
    await server.stop("SIGKILL");
    expect(await clean(home, { HERMES_CALL_ID: marker })).toBeGreaterThan(0);
    await expectGone(id);
  });
});
