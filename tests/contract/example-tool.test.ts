import { expect, test } from "vitest";
import { loadTools } from "../../src/tools/load.ts";
import { fakeTool } from "../helpers/agent-run.ts";
import { openChat } from "../helpers/chat-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";

const DIRECTORY = new URL("example-tool/", import.meta.url);

const openExample = async () =>
  openChat([call("count_words", { text: "one two three" }), say("Three.")], {
    toolSources: [await loadTools(DIRECTORY)],
  });

test("a tool is one file: a model is offered it, and reads what it answers", async () => {
  const { chat, provider } = await openExample();
  const answer = await chat();
  expect(answer.json().choices[0]?.message.content).toBe("Three.");
  const [first, second] = provider.requests;
  expect(first?.tools.find(({ name }) => name === "count_words")).toMatchObject({
    description: "Counts the words of a text. Use it instead of counting yourself.",
    parameters: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
  });
  expect(second?.items.at(-1)).toMatchObject({ type: "function_call_output", output: "3" });
});

test("the images that a tool answers reach the model and the client that asks for them", async () => {
  const image = { type: "input_image" as const, image_url: "data:image/png;base64,iVBORw0KGgo=" };
  const caption = { type: "input_text" as const, text: "The window" };
  const look = { ...fakeTool("look", () => ""), run: async () => [caption, image] };
  const source = { list: () => ({ tools: [look] }) };
  const { ask, provider } = await openChat((_, n) => (n % 2 === 1 ? call("look") : say("I see.")), {
    toolSources: [source],
  });
  const respond = async (toolItems: string) => {
    const headers = { "x-hermes-tool-items": toolItems };
    const answer = await ask("/v1/responses", { body: { input: "Look." }, headers });
    return answer.json<{ output: { type: string; output?: unknown }[] }>().output;
  };
  const items = await respond("function_call");
  expect(items.find(({ type }) => type === "function_call_output")?.output).toEqual([
    caption,
    { ...image, detail: "auto" },
  ]);
  expect(provider.requests[1]?.items.at(-1)).toMatchObject({ output: [caption, image] });
  const calls = await respond("mcp_call");
  expect(calls.find(({ type }) => type === "mcp_call")?.output).toBe("The window\n[input_image]");
});

test("the file of an added tool describes its group in the list of toolsets", async () => {
  const { ask } = await openExample();
  const { data } = (await ask("/v1/toolsets")).json<{ data: { name: string }[] }>();
  expect(data.map(({ name }) => name)).toEqual(["clarify", "cronjob", "file", "terminal", "text"]);
  expect(data.at(-1)).toEqual({
    name: "text",
    label: "Texts",
    description: "Count and compare texts",
    enabled: true,
    configured: true,
    tools: ["count_words"],
  });
});
