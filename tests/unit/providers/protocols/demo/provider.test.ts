import { describe, expect, test } from "vitest";
import { type ItemBody, textMessage } from "../../../../../src/domain/item.ts";
import { createDemoProvider, DEMO_HINT } from "../../../../../src/providers/protocols/demo/provider.ts";
import type { ModelRequest } from "../../../../../src/providers/provider.ts";
import { ask, callsIn, generate, textIn } from "../../../../contract/provider-suite.ts";

const provider = createDemoProvider(0);
const TOOLS = ["terminal", "read_file", "search_files"].map((name) => ({
  name,
  parameters: { type: "object" },
}));

/** What the demo makes of a message: a call, or its first words. */
async function answer(text: string, overrides: Partial<ModelRequest> = {}): Promise<string> {
  const request = ask({ items: [textMessage("user", text)], tools: TOOLS, stream: false, ...overrides });
  const { items } = (await generate(provider, request)).result;
  const [call] = callsIn(items);
  return call === undefined ? textIn(items) : `${call.name} ${call.arguments}`;
}

describe("the rules of the demo", () => {
  test.each([
    ["run `uname -a`", 'terminal {"command":"uname -a"}'],
    ["Could you run `ls` for me?", 'terminal {"command":"ls"}'],
    ['please execute "git status"', 'terminal {"command":"git status"}'],
    ["run uname -a", 'terminal {"command":"uname -a"}'],
    ["Run the command df -h ", 'terminal {"command":"df -h"}'],
    ["read README.md", 'read_file {"path":"README.md"}'],
    ["Read README.md please", 'read_file {"path":"README.md"}'],
    ["show me the file src/app.ts", 'read_file {"path":"src/app.ts"}'],
    ["cat `LICENSE`", 'read_file {"path":"LICENSE"}'],
    ["search for TODO", 'search_files {"pattern":"TODO","target":"content"}'],
    ["Look for 'export function'.", 'search_files {"pattern":"export function","target":"content"}'],
    ["list the files here", 'terminal {"command":"ls -la"}'],
    ["What files are in this folder?", 'terminal {"command":"ls -la"}'],
  ])("the demo answers %j with the call %s", async (text, expected) => {
    expect(await answer(text)).toBe(expected);
  });

  test.each([
    "I like to run in the park",
    "How do I run a marathon?",
    "Hello",
    "never execute that",
  ])("the demo answers %j without a call", async (text) => {
    expect(await answer(text)).toContain(`You wrote: "${text}"`);
  });

  test("the demo calls no tool that is missing, and none when the request forbids calls", async () => {
    expect(await answer("run `id`", { tools: [] })).toContain("You wrote");
    expect(await answer("run `id`", { toolChoice: { mode: "none" } })).toContain("You wrote");
  });
});

describe("the texts of the demo", () => {
  const result: ItemBody[] = [
    { type: "function_call", call_id: "1", name: "terminal", arguments: "{}", executor: "server" },
    { type: "function_call_output", call_id: "1", name: "terminal", output: "a.txt", executor: "server" },
  ];

  test("the first answer of the demo says how to get a real model", async () => {
    expect(await answer("Hello")).toContain(DEMO_HINT);
    expect(await answer("", { items: [textMessage("user", "list files"), ...result] })).toContain(DEMO_HINT);
  });

  test("later answers of the demo do not repeat the introduction", async () => {
    const spoken = [textMessage("user", "Hello"), textMessage("assistant", "I am the demo.")];
    expect(await answer("", { items: [...spoken, textMessage("user", "And now?")] })).not.toContain(
      DEMO_HINT,
    );
    expect(
      await answer("", { items: [...spoken, textMessage("user", "list files"), ...result] }),
    ).not.toContain(DEMO_HINT);
  });

  test("the demo shows every tool result of a step, and failures as failures", async () => {
    const failed: ItemBody = {
      type: "function_call_output",
      call_id: "2",
      name: "read_file",
      output: "no such file",
      executor: "server",
      is_error: true,
    };
    const text = await answer("", { items: [textMessage("user", "x"), ...result, failed] });
    expect(text).toContain("The tool `terminal` answered:\n\n```\na.txt\n```");
    expect(text).toContain("The tool `read_file` failed:\n\n```\nno such file\n```");
  });
});

test("the demo streams word by word and counts tokens", async () => {
  const { reads, result } = await generate(provider, ask());
  expect(reads.length).toBeGreaterThan(10);
  expect(result.usage.inputTokens).toBeGreaterThan(0);
  expect(result.usage.outputTokens).toBeGreaterThan(0);
  expect(result.finish).toBe("stop");
});
