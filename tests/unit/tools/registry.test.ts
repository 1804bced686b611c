import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { joinText } from "../../../src/domain/item.ts";
import { defineTool, type Tool, type ToolResult } from "../../../src/tools/define.ts";
import type { Policy } from "../../../src/tools/judgement.ts";
import { loadTools, TOOLS_DIRECTORY } from "../../../src/tools/load.ts";
import { createJudge } from "../../../src/tools/policy.ts";
import type { CallTerms } from "../../../src/tools/prepared-call.ts";
import { createRegistry, NO_TOOLS, type ToolRegistry } from "../../../src/tools/registry.ts";
import { aRun } from "../../helpers/stored.ts";
import { toolContext } from "../../helpers/tools.ts";

const ran: unknown[] = [];
const echo = defineTool({
  name: "echo",
  toolset: "test",
  description: "Says what it is given",
  emoji: "🔊",
  effect: "idempotent",
  parameters: z.strictObject({ text: z.string(), times: z.int().default(1) }),
  preview: ({ text }) => text,
  run: async (args) => {
    ran.push(args);
    return args.text.repeat(args.times);
  },
});

async function registry(
  tools: readonly Tool[],
  policy: Policy = () => ({ verdict: "allow" }),
): Promise<ToolRegistry> {
  const { workspace, sandbox } = await toolContext();
  return createRegistry({ tools }, { workspace, sandbox, policy });
}

function prepare(tools: ToolRegistry, name: string, args: unknown) {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  return tools.prepare({ name, arguments: text, callId: "call_1", run: aRun() });
}

function call(tools: ToolRegistry, name: string, args: unknown, terms: Partial<CallTerms> = {}) {
  const { signal } = new AbortController();
  return prepare(tools, name, args).run({ signal, progress: () => undefined, ...terms });
}

describe("a call", () => {
  it("runs with its checked arguments, defaults included", async () => {
    const tools = await registry([echo]);
    expect(await call(tools, "echo", { text: "a" })).toEqual({ output: "a", isError: false });
    expect(ran.at(-1)).toEqual({ text: "a", times: 1 });
  });

  it.each([
    ["a tool that does not exist", "shout", { text: "a" }, 'There is no tool named "shout"'],
    ["a name that every object has", "constructor", {}, 'There is no tool named "constructor"'],
    ["no JSON", "echo", "{text:", "not valid JSON"],
    ["no object", "echo", [], "Wrong arguments for echo"],
    ["nothing where something is needed", "echo", "", "→ at text"],
    ["an unknown argument", "echo", { text: "a", loud: true }, 'Unrecognized key: "loud"'],
    ["a wrong type", "echo", { text: 5 }, "expected string, received number"],
  ])("a call of %s is an error that the model reads", async (_name, name, args, expected) => {
    const tools = await registry([echo]);
    const before = ran.length;
    const { output, isError } = await call(tools, name, args);
    expect([isError, output]).toEqual([true, expect.stringContaining(expected)]);
    expect(output).toMatch(/^Error: /);
    expect(ran.length).toBe(before);
  });

  it.each([
    [new Error("it broke"), "Error: it broke"],
    ["a text", "Error: a text"],
    [undefined, "Error: undefined"],
  ])("a call that throws %j is an error that the model reads", async (thrown, expected) => {
    const run = async () => {
      throw thrown;
    };
    const outcome = await call(await registry([{ ...echo, run } as Tool]), "echo", { text: "a" });
    expect(outcome).toEqual({ output: expected, isError: true });
  });

  it("never rejects, even when the tool's own parts or the policy throw; then nothing runs", async () => {
    const boom = () => {
      throw new Error("boom");
    };
    const before = ran.length;
    const broken = await registry([{ ...echo, command: boom, preview: boom } as Tool]);
    expect(await call(broken, "echo", { text: "a" })).toEqual({ output: "Error: boom", isError: true });
    expect(prepare(broken, "echo", { text: "a" }).display).toEqual({ label: "echo", emoji: "🔊" });
    expect(await call(await registry([echo], boom), "echo", { text: "a" })).toMatchObject({ isError: true });
    expect(ran.length).toBe(before);
  });

  it("a call brings at most 100,000 characters and a note", async () => {
    const { output } = await call(await registry([echo]), "echo", { text: "x", times: 250_000 });
    expect(output).toContain("[... 150000 characters left out ...]");
    expect(output.length).toBeLessThan(100_100);
  });

  const image = (chars: number) => ({
    type: "input_image" as const,
    image_url: `data:image/png;base64,${"A".repeat(chars)}`,
  });
  const text = (chars: number) => ({ type: "input_text" as const, text: "x".repeat(chars) });
  const answering = (result: ToolResult) => registry([{ ...echo, run: async () => result } as Tool]);

  it("a call brings the parts that its tool answers", async () => {
    const parts = [text(3), image(10), text(0)];
    expect(await call(await answering(parts), "echo", { text: "a" })).toEqual({
      output: parts,
      isError: false,
    });
  });

  it("a call brings at most 100,000 characters of text parts, 8 million of images, and 1,000 parts", async () => {
    const big = [text(150_000), image(5_000_000), image(5_000_000), text(50_000), image(1_000_000)];
    const { output } = await call(await answering(big), "echo", { text: "a" });
    expect(output).toEqual([
      { type: "input_text", text: expect.stringContaining("characters left out ...]") },
      big[1],
      { type: "input_text", text: "[An image is left out: it is too big.]" },
      { type: "input_text", text: expect.stringContaining("characters left out ...]") },
      big[4],
    ]);
    expect(joinText(output).length).toBeLessThan(100_300);
    const many = Array.from({ length: 1_001 }, () => text(1));
    expect((await call(await answering(many), "echo", { text: "a" })).output).toHaveLength(1_000);
  });

  it("without any arguments is one with none", async () => {
    const bare = { ...echo, parameters: z.strictObject({}), run: async () => "done" } as unknown as Tool;
    expect(await call(await registry([bare]), "echo", "")).toEqual({ output: "done", isError: false });
  });
});

describe("a tool whose parameters are a JSON Schema", () => {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: { text: { type: "string", format: "uri" }, times: { type: "integer", default: 1 } },
    required: ["text"],
    "x-order": ["text"],
  };
  const given: unknown[] = [];
  const remote = {
    ...{ name: "remote", toolset: "test", description: "Far away", emoji: "📡", effect: "read" },
    parameters: schema,
    preview: () => "",
    run: async (args: unknown) => `got ${given.push(args)}`,
  } as Tool;

  it("a tool whose parameters are a JSON Schema is offered with that schema, without its dialect", async () => {
    const [spec] = (await registry([remote])).offered(true);
    const { $schema: _dialect, ...parameters } = schema;
    expect(spec).toEqual({ name: "remote", description: "Far away", parameters });
  });

  it("a tool whose parameters are a JSON Schema gets its arguments as the model wrote them", async () => {
    const args = { text: "no URI", more: [1] };
    expect(await call(await registry([remote]), "remote", args)).toEqual({ output: "got 1", isError: false });
    expect(given).toEqual([args]);
  });

  it.each([
    ["a missing field", {}, "→ at text"],
    ["a wrong type", { text: "a", times: "2" }, "→ at times"],
    ["no object", ["a"], "expected object"],
  ])("a tool whose parameters are a JSON Schema refuses %s, and the model reads why", async (_what, args, why) => {
    const { output, isError } = await call(await registry([remote]), "remote", args);
    expect([isError, output]).toEqual([true, expect.stringContaining("Wrong arguments for remote")]);
    expect(output).toContain(why);
  });

  it("a tool whose parameters are a JSON Schema gets whatever object the model wrote where its schema cannot be checked", async () => {
    const parameters = { $ref: "https://example.org/schema.json" };
    const tools = await registry([{ ...remote, parameters, run: async (args) => JSON.stringify(args) }]);
    expect(await call(tools, "remote", { a: 1 })).toEqual({ output: '{"a":1}', isError: false });
    expect(await call(tools, "remote", [1])).toMatchObject({ isError: true });
  });
});

describe("the policy", () => {
  it("the policy sees what would run and be written, after the arguments were checked", async () => {
    const seen: unknown[] = [];
    const tool = { ...echo, command: () => "ls", writes: () => ["a.txt"] } as Tool;
    const tools = await registry([tool], (asked) => {
      seen.push(asked);
      return { verdict: "allow" };
    });
    await call(tools, "echo", { text: 5 });
    await call(tools, "echo", { text: "a" });
    expect(seen).toEqual([{ tool: "echo", command: "ls", writes: ["a.txt"] }]);
  });

  it.each([
    ["deny", "It is never allowed"],
    ["ask", "It needs a person's approval, and nobody can be asked here"],
  ] as const)("the policy that says %s keeps the call from running, and the model reads why", async (verdict, why) => {
    const before = ran.length;
    const tools = await registry([echo], () => ({ verdict, reason: "it is dangerous" }));
    const { output, isError } = await call(tools, "echo", { text: "a" });
    expect([isError, ran.length]).toEqual([true, before]);
    expect(output).toContain(`Not run: it is dangerous. ${why}`);
  });
});

describe("the server's own tools", () => {
  const own = async () => {
    const { workspace, sandbox } = await toolContext();
    const policy = createJudge({
      home: "/home/ada",
      hermesHome: "/home/ada/.hermes",
      protectedPaths: [join(workspace.root, ".env")],
      workspaceRoot: workspace.root,
      pid: process.pid,
    });
    const tools = createRegistry((await loadTools(TOOLS_DIRECTORY)).list(), { workspace, sandbox, policy });
    return { tools, root: workspace.root };
  };

  it("the server's own tools are seven, in four sets, with schemas that take nothing unknown", async () => {
    const { tools } = await own();
    expect(tools.toolsets).toMatchObject([
      { name: "clarify", tools: ["clarify"] },
      { name: "cronjob", tools: ["cronjob"] },
      { name: "file", tools: ["patch", "read_file", "search_files", "write_file"] },
      { name: "terminal", tools: ["terminal"] },
    ]);
    for (const { name, description, parameters } of tools.offered(true)) {
      expect(description).toMatch(/.{20}/);
      expect(parameters).toMatchObject({ type: "object", additionalProperties: false });
      expect(parameters).not.toHaveProperty("$schema");
      const { output, isError } = await call(tools, name, { surprise: 1 }, { ask: async () => "yes" });
      expect([isError, output]).toEqual([true, expect.stringContaining("surprise")]);
    }
  });

  it("say what a repetition would do", async () => {
    const { tools } = await own();
    const effects = tools.offered(true).map(({ name }) => [name, prepare(tools, name, {}).effect]);
    expect(Object.fromEntries(effects)).toMatchObject({
      read_file: "read",
      terminal: "write",
      cronjob: "write",
    });
    expect(prepare(tools, "cronjob", { action: "list" }).effect).toBe("read");
    expect(prepare(tools, "nobody", {}).effect).toBe("read");
  });

  it("say whether a call that began may have changed something, and so may tools that are gone", async () => {
    const { tools } = await own();
    const acted = (name: string, is_error = false) => tools.mayHaveActed({ name, is_error });
    expect([acted("read_file"), acted("terminal"), acted("terminal", true)]).toEqual([false, true, true]);
    expect([acted("gone"), acted("gone", true)]).toEqual([true, false]);
  });

  it.each([
    ["rm -rf /", "never allowed"],
    ["shutdown now", "never allowed"],
    ["git push --force", "needs a person's approval"],
  ])("the server's own tools do not run %s", async (command, expected) => {
    const { tools } = await own();
    const { output, isError } = await call(tools, "terminal", { command });
    expect([isError, output]).toEqual([true, expect.stringContaining(expected)]);
  });

  it("the server's own tools do not delete what a dangerous command would delete", async () => {
    const { tools, root } = await own();
    await call(tools, "write_file", { path: "keep/a.txt", content: "a" });
    expect(await call(tools, "terminal", { command: "rm -rf keep" })).toMatchObject({ isError: true });
    expect(existsSync(join(root, "keep", "a.txt"))).toBe(true);
    expect(await call(tools, "terminal", { command: "cat keep/a.txt" })).toEqual({
      output: expect.stringContaining("a"),
      isError: false,
    });
  });
});

it("parses and validates a call's arguments once, whatever is done with the call", async () => {
  let checks = 0;
  const text = z.string().refine(() => ++checks > 0);
  const counted = { ...echo, parameters: z.strictObject({ text, times: z.int().default(1) }) };
  const tools = await registry([{ ...counted, effectOf: () => "read" } as Tool], () => ({
    verdict: "ask",
    reason: "it may harm",
  }));
  const prepared = prepare(tools, "echo", { text: "a" });
  const [effect, { label }, question] = [prepared.effect, prepared.display, await prepared.question()];
  const terms = { signal: new AbortController().signal, progress: () => undefined };
  const outcome = await prepared.run({ ...terms, permit: question?.digest });
  expect([effect, label, outcome, checks]).toEqual(["read", "a", { output: "a", isError: false }, 1]);
});

it("judges a call again before it runs: a file that a link has come before meanwhile is another question", async () => {
  const { workspace, sandbox } = await toolContext();
  const write = { ...echo, writes: () => ["notes/a.txt"] } as Tool;
  const policy: Policy = () => ({ verdict: "ask", reason: "it may harm" });
  const tools = createRegistry({ tools: [write] }, { workspace, sandbox, policy });
  await mkdir(join(workspace.root, "elsewhere"));
  const prepared = prepare(tools, "echo", { text: "a" });
  const permit = (await prepared.question())?.digest;
  await symlink(join(workspace.root, "elsewhere"), join(workspace.root, "notes"));
  const terms = { signal: new AbortController().signal, progress: () => undefined };
  expect(await prepared.run({ ...terms, permit })).toMatchObject({ isError: true });
  const again = (await prepared.question())?.digest;
  expect(await prepared.run({ ...terms, permit: again })).toMatchObject({ isError: false });
});

describe("how a call shows", () => {
  it("how a call shows by its most telling argument, in one short line", async () => {
    const tools = await registry([echo]);
    const label = (text: string) => prepare(tools, "echo", { text }).display.label;
    expect(label("hello\nworld")).toBe("hello");
    expect(label("x".repeat(500))).toHaveLength(120);
    expect(label("")).toBe("echo");
  });

  it("how a call shows by its name, while the arguments say nothing or the tool is unknown", async () => {
    const tools = await registry([echo]);
    expect(prepare(tools, "echo", '{"te').display).toEqual({ label: "echo", emoji: "🔊" });
    expect(prepare(tools, "shout", "{}").display).toEqual({ label: "shout", emoji: "⚙️" });
  });
});

it("without tools every call reads that there is no such tool", async () => {
  expect(NO_TOOLS.offered(true)).toEqual([]);
  expect(await call(NO_TOOLS, "terminal", { command: "ls" })).toMatchObject({ isError: true });
});

describe("a registry that works in a directory", () => {
  it("a registry that works in a directory judges and asks about calls there, which are other calls than the same ones elsewhere", async () => {
    const { workspace, sandbox } = await toolContext();
    await mkdir(join(workspace.root, "site"));
    const places: unknown[] = [];
    const policy: Policy = ({ cwd }) => {
      places.push(cwd);
      return { verdict: "ask", reason: "it may harm" };
    };
    const outer = createRegistry({ tools: [echo] }, { workspace, sandbox, policy });
    const inner = outer.within("site");
    const asked = (tools: ToolRegistry) => prepare(tools, "echo", { text: "a" }).question();
    const [before, after] = [(await asked(outer))?.digest, (await asked(inner))?.digest];
    expect(before).not.toBe(after);
    expect(places).toEqual([undefined, join(workspace.root, "site")]);
    expect((await call(inner, "echo", { text: "a" }, { permit: before })).isError).toBe(true);
    expect((await call(inner, "echo", { text: "a" }, { permit: after })).isError).toBe(false);
    expect([outer.root, inner.root]).toEqual([workspace.root, join(workspace.root, "site")]);
  });
});
