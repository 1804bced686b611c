import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { createJudge } from "../../../src/tools/policy.ts";
import { tool } from "../../../tools/terminal.ts";
import { callTool, toolContext } from "../../helpers/tools.ts";

describe("terminal", () => {
  it("answers the output and the exit code", async () => {
    const context = await toolContext();
    expect(await callTool(tool, { command: "echo a; echo b >&2" }, context)).toBe("a\nb\n[exit code 0]");
    expect(await callTool(tool, { command: "exit 7" }, context)).toBe("[exit code 7]");
    expect(await callTool(tool, { command: "kill -SEGV $$" }, context)).toBe("[killed by SIGSEGV]");
  });

  it("runs in the workspace, or in a directory of it, and nowhere else", async () => {
    const context = await toolContext();
    const { root } = context.workspace;
    await mkdir(join(root, "a b"));
    expect(await callTool(tool, { command: "pwd" }, context)).toBe(`${root}\n[exit code 0]`);
    expect(await callTool(tool, { command: "pwd", workdir: "a b" }, context)).toBe(
      `${root}/a b\n[exit code 0]`,
    );
    await expect(callTool(tool, { command: "pwd", workdir: "/etc" }, context)).rejects.toThrow("leads out");
  });

  it("terminal says that a command was killed for its time, and what it had printed", async () => {
    const context = await toolContext();
    const answer = await callTool(tool, { command: "echo started; sleep 60", timeout: 0.2 }, context);
    expect(answer).toBe("started\n[killed: it ran longer than 0.2 s; above is what it had printed]");
  });

  it("ends at once when the run stops", async () => {
    const controller = new AbortController();
    const context = await toolContext({ signal: controller.signal, progress: () => controller.abort() });
    expect(await callTool(tool, { command: "echo a; sleep 60" }, context)).toBe(
      "a\n[killed: the run was stopped]",
    );
  });

  it("terminal shows of a line what its carriage returns leave of it, however many there are", async () => {
    const bar = "printf 'one\\rtwo\\r\\r\\n'; head -c 40000 /dev/zero | tr '\\0' '\\r'; printf three";
    expect(await callTool(tool, { command: bar }, await toolContext())).toBe("two\nthree\n[exit code 0]");
  });

  it("terminal reports output as progress while the command runs", async () => {
    const progress = vi.fn();
    await callTool(tool, { command: "echo hello" }, await toolContext({ progress }));
    expect(progress).toHaveBeenCalledExactlyOnceWith("hello\n");
  });

  it("terminal shows text as a terminal would in the end", async () => {
    const command = "printf '\\033[31mred\\033[0m\\n 10%%\\r 50%%\\r100%%\\r\\nbell\\007\\000\\n\\n'";
    expect(await callTool(tool, { command }, await toolContext())).toBe("red\n100%\nbell\n[exit code 0]");
  });

  it("terminal leaves the middle of long output out", async () => {
    const answer = await callTool(tool, { command: "seq 100000" }, await toolContext());
    expect(answer.length).toBeLessThan(51_000);
    expect(answer).toMatch(/^1\n2\n/);
    expect(answer).toMatch(/\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/);
    expect(answer).toMatch(/99999\n100000\n\[exit code 0\]$/);
  });

  it("terminal shows no secret of the server, however it is asked", async () => {
    vi.stubEnv("CANARY_TOKEN", "canary-93ab");
    try {
      const context = await toolContext();
      for (const command of [
        "env",
        "export -p",
        "cat /proc/self/environ | tr '\\0' '\\n'",
        "sh -c env",
        "env -u X env",
      ]) {
        const answer = await callTool(tool, { command }, context);
        expect(answer).toContain("PATH=");
        expect(answer).not.toContain("canary-93ab");
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("terminal gives the policy the command with its directory", () => {
    const args = tool.parameters.parse({ command: "rm -rf *", workdir: "it's" });
    expect(tool.command?.(args)).toBe("cd 'it'\\''s' && rm -rf *");
    const context = {
      home: "/home/a",
      hermesHome: "/home/a/.hermes",
      protectedPaths: [],
      workspaceRoot: "/home",
      pid: 1,
    };
    const command = tool.command?.(tool.parameters.parse({ command: "rm -rf *", workdir: "a" })) ?? "";
    expect(createJudge(context)({ tool: "terminal", command }).verdict).toBe("deny");
  });

  it("terminal takes only the arguments that it knows, within their limits", () => {
    const isValid = (args: unknown): boolean => tool.parameters.safeParse(args).success;
    expect(isValid({ command: "ls" })).toBe(true);
    expect(isValid({ command: "" })).toBe(false);
    expect(isValid({ command: "ls", timeout: 601 })).toBe(false);
    expect(isValid({ command: "ls", timeout: 0 })).toBe(false);
    expect(isValid({ command: "ls", background: true })).toBe(false);
  });
});
