import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { createLocalSandbox } from "../../src/sandbox/local.ts";
import type { Command, CommandResult } from "../../src/sandbox/sandbox.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { expectGone, longSleep } from "../helpers/left-processes.ts";

const isLinux = process.platform === "linux";

async function run(command: string, changes: Partial<Command> = {}): Promise<CommandResult> {
  return createLocalSandbox({ env: process.env, home: "/home-of-tests" }).run({
    command,
    cwd: await temporaryDirectory(),
    timeoutMs: 10_000,
    maxOutputBytes: 50_000,
    signal: new AbortController().signal,
    ...changes,
  });
}

describe("a command", () => {
  it("answers stdout and stderr in their order, and the exit code", async () => {
    const result = await run("for i in 1 2 3; do echo out$i; echo err$i >&2; done; exit 3");
    expect(result).toEqual({
      output: "out1\nerr1\nout2\nerr2\nout3\nerr3\n",
      exitCode: 3,
      signal: null,
      killed: null,
    });
  });

  it("a command keeps stderr apart where that is asked for, and as much of it", async () => {
    const apart = { errorsApart: true, maxOutputBytes: 1_000 };
    expect(await run("echo out; echo err >&2", apart)).toEqual({
      output: "out\n",
      errors: "err\n",
      exitCode: 0,
      signal: null,
      killed: null,
    });
    const { errors = "" } = await run("head -c 5000000 /dev/zero | tr '\\0' x >&2; echo end >&2", apart);
    expect(errors).toMatch(/bytes left out ...\]\nx+end\n$/);
    expect(errors.length).toBeLessThan(1_100);
  });

  it.runIf(isLinux)(
    "a command does not wait for a daemon that holds its stderr alone, and ends it",
    async () => {
      const sleep = longSleep();
      const command = `setsid sleep ${sleep} > /dev/null & echo out`;
      expect(await run(command, { errorsApart: true })).toMatchObject({ output: "out\n", exitCode: 0 });
      await expectGone(sleep);
    },
  );

  it("runs in its directory with nothing on its standard input", async () => {
    const cwd = await temporaryDirectory();
    expect((await run("pwd; cat", { cwd })).output).toBe(`${cwd}\n`);
  });

  it("a command says which signal ended it", async () => {
    expect(await run("kill -SEGV $$")).toMatchObject({ exitCode: null, signal: "SIGSEGV", killed: null });
  });

  it("a command hands its output on while it runs, characters whole, and no more of it than is kept", async () => {
    const pieces: string[] = [];
    const command =
      "for i in 1 2 3; do printf '\\303'; printf '\\251'; done; head -c 1000 /dev/zero | tr '\\0' x";
    await run(command, { maxOutputBytes: 100, onOutput: (text) => pieces.push(text) });
    expect(pieces.join("")).toBe(`ééé${"x".repeat(94)}`);
  });

  it("a command that cannot be started is an error that says why", async () => {
    await expect(run("ls", { cwd: join(await temporaryDirectory(), "missing") })).rejects.toThrow(
      "directory does not exist",
    );
    await expect(run("a\0b")).rejects.toThrow("NUL character");
    await expect(run(`: ${"x".repeat(300_000)}`)).rejects.toThrow("too long");
  });
});

describe("secrets of the server", () => {
  it("secrets of the server are not in a command's environment", async () => {
    vi.stubEnv("CANARY_API_KEY", "canary-7d1f");
    try {
      const script =
        "env; export -p; cat /proc/self/environ /proc/$$/environ 2>/dev/null; ps eww -p $$ 2>/dev/null; exit 0";
      const { output } = await run(script);
      expect(output).toContain("PATH=");
      expect(output).not.toContain("canary-7d1f");
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe.runIf(isLinux)("nothing outlives its command", () => {
  const sleep = longSleep;
  const leftovers: [name: string, command: (id: string) => string][] = [
    ["a child in the background", (id) => `sleep ${id} & echo ready`],
    ["a child in the background that holds no pipe", (id) => `sleep ${id} >/dev/null 2>&1 & echo ready`],
    [
      "a child in the background with an empty environment",
      (id) => `env -i sleep ${id} >/dev/null 2>&1 & echo ready`,
    ],
    ["a daemon in a session of its own", (id) => `setsid sleep ${id} & echo ready`],
    ["a daemon that holds no pipe", (id) => `setsid sleep ${id} >/dev/null 2>&1 < /dev/null & echo ready`],
    ["a daemon forked twice", (id) => `(setsid sh -c 'sleep ${id} & sleep ${id}' &); echo ready`],
    ["a child that ignores SIGTERM and SIGHUP", (id) => `(trap '' TERM HUP; sleep ${id}) & echo ready`],
  ];
  it.each(leftovers)("after its end: %s", async (_, command) => {
    const id = sleep();
    const start = performance.now();
    expect(await run(command(id))).toMatchObject({ output: "ready\n", exitCode: 0, killed: null });
    expect(performance.now() - start).toBeLessThan(2_000);
    await expectGone(id);
  });

  const stubborn: [name: string, command: (id: string) => string][] = [
    ["a plain one", (id) => `sleep ${id}`],
    ["one that ignores SIGTERM", (id) => `trap '' TERM INT HUP; sleep ${id}; sleep ${id}`],
    ["one that stopped itself", (id) => `sleep ${id} & kill -STOP $$`],
    ["a pipeline", (id) => `sleep ${id} | sleep ${id} | cat`],
    ["one in a session of its own", (id) => `setsid -w sleep ${id}`],
    ["one in a session of its own with an empty environment", (id) => `env -i setsid -w sleep ${id}; :`],
    ["one with a daemon", (id) => `setsid sleep ${id} >/dev/null 2>&1 & sleep ${id}`],
    ["a loop that starts more and more", (id) => `while :; do setsid sleep ${id} & sleep 0.01; done`],
  ];
  it.each(stubborn)("after a timeout: %s", async (_, command) => {
    const id = sleep();
    const start = performance.now();
    expect(await run(command(id), { timeoutMs: 150 })).toMatchObject({ exitCode: null, killed: "timeout" });
    expect(performance.now() - start).toBeLessThan(1_150);
    await expectGone(id);
  });

  it("within 250 ms of an abort", async () => {
    const id = sleep();
    const controller = new AbortController();
    let aborted = 0;
    const onOutput = (): void => {
      aborted = performance.now();
      controller.abort();
    };
    const result = await run(`echo ready; trap '' TERM; sleep ${id}; sleep ${id}`, {
      signal: controller.signal,
      onOutput,
    });
    expect(result).toMatchObject({ output: "ready\n", killed: "abort" });
    expect(performance.now() - aborted).toBeLessThan(250);
    await expectGone(id);
  });

  it("over many commands at once", async () => {
    const id = sleep();
    const commands = Array.from({ length: 60 }, (_, index) => {
      const timeoutMs = index % 2 === 0 ? 100 : 10_000;
      return run(`setsid sleep ${id} & sleep ${id} & ${index % 2 === 0 ? `sleep ${id}` : "true"}`, {
        timeoutMs,
      });
    });
    await Promise.all(commands);
    await expectGone(id);
  });
});

it("does not start a command of a run that was stopped", async () => {
  const cwd = await temporaryDirectory();
  expect(await run("touch started", { cwd, signal: AbortSignal.abort() })).toMatchObject({ killed: "abort" });
  expect(await readdir(cwd)).toEqual([]);
});

describe("a flood of output", () => {
  const floods = [
    ["100 MB of short lines", "yes | head -c 100000000"],
    ["endless output", "timeout 0.4 yes"],
    ["binary output", "head -c 100000000 /dev/zero"],
    ["one line of 100 MB", "head -c 100000000 /dev/zero | tr '\\0' x"],
  ];
  it.each(floods)("a flood of output is bounded in memory and blocks nobody: %s", async (_, command) => {
    const script = join(import.meta.dirname, "../helpers/flood.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [script, command ?? ""]);
    const cost = JSON.parse(stdout);
    expect(cost.kept).toBeLessThanOrEqual(50_100);
    expect(cost.isMarked).toBe(true);
    expect(cost.grownBytes).toBeLessThan(16 * 1024 * 1024);
    expect(cost.p99Ms).toBeLessThan(20);
  });
});
