import { describe, expect, test } from "vitest";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { chunksOf } from "../helpers/frames.ts";
import { call, type Play, type ScriptedProvider, say } from "../helpers/scripted-provider.ts";
import { WEATHER } from "../helpers/session-app.ts";
import type { TestAppOptions } from "../helpers/test-app.ts";

const CLOCK = { type: "function", function: { name: "clock" } };
const FILES = { "a.txt": "seven\n" };
const OWN = ["cronjob", "patch", "read_file", "search_files", "terminal", "write_file"];

const open = (play: Play, options: TestAppOptions = {}) => openChat(play, { files: FILES, ...options });

/** The names of the tools that the model was offered at its n-th call. */
function offered(provider: ScriptedProvider, n = 1): string[] {
  return (provider.requests[n - 1]?.tools ?? []).map(({ name }) => name).sort();
}

interface Calls {
  content: string | null;
  tool_calls: { id: string; type: string; function: { name: string; arguments: string } }[];
}

describe("a call of the client's tool", () => {
  test("ends the answer, whole, with an id that names the run", async () => {
    const { chat } = await open([[...say("Let me ask."), ...call("weather", { city: "Oslo" })]]);
    const body = (await chat({ tools: [WEATHER] })).json();
    const [choice] = body.choices;
    expect(choice?.finish_reason).toBe("tool_calls");
    const id = expect.stringMatching(new RegExp(`^call_${body.id.replace("chatcmpl-", "")}_\\d+$`));
    expect(choice?.message).toMatchObject({
      content: "Let me ask.",
      tool_calls: [{ id, type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } }],
    });
    expect(body.hermes).toMatchObject({ completed: true });
  });

  test("alone has null for text", async () => {
    const { chat } = await open([call("weather")]);
    expect((await chat({ tools: [WEATHER] })).json().choices[0]?.message.content).toBeNull();
  });

  test("streams its name once and its arguments in pieces, each call under its own index", async () => {
    const { chat } = await open([[...call("weather", { city: "Oslo" }), ...call("clock", { zone: "UTC" })]]);
    const chunks = chunksOf((await chat({ tools: [WEATHER, CLOCK], stream: true })).text);
    const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    const named = deltas.filter(({ id }) => id !== undefined);
    expect(named.map(({ index, function: { name } }) => [index, name])).toEqual([
      [0, "weather"],
      [1, "clock"],
    ]);
    const args = [0, 1].map((n) =>
      deltas
        .filter(({ index }) => index === n)
        .map((delta) => delta.function.arguments)
        .join(""),
    );
    expect(args).toEqual(['{"city":"Oslo"}', '{"zone":"UTC"}']);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("a call of the client's tool waits for the server's own calls of the same step, which no client sees", async () => {
    const { chat, provider } = await open([
      [...call("read_file", { path: "a.txt" }), ...call("weather")],
      say("Done."),
    ]);
    const first = (await chat({ tools: [WEATHER] })).json();
    const message = first.choices[0]?.message as unknown as Calls;
    expect(message.tool_calls.map((made) => made.function.name)).toEqual(["weather"]);
    const result = { role: "tool", tool_call_id: message.tool_calls[0]?.id, content: "sun" };
    const answer = await chat({ tools: [WEATHER], messages: [...HELLO, message, result] });
    expect(answer.json().choices[0]?.message.content).toBe("Done.");
    // What the server's tool did is there again, though no client could send it.
    const read = provider.requests[1]?.items.map((item) =>
      "name" in item ? `${item.type} ${item.name}` : item.type,
    );
    expect(read).toEqual([
      "message",
      "function_call read_file",
      "function_call weather",
      "function_call_output read_file",
      "function_call_output weather",
    ]);
  });

  test("a call of the client's tool hides the server's tool of the same name", async () => {
    const { chat } = await open([call("terminal", { command: "touch made-by-server" })]);
    const tool = { type: "function", function: { name: "terminal" } };
    const body = (await chat({ tools: [tool] })).json();
    expect(body.choices[0]?.finish_reason).toBe("tool_calls");
  });
});

describe("which tools the model is offered", () => {
  test("which tools the model is offered are the client's beside the server's", async () => {
    const { chat, provider } = await open([say("Hi.")]);
    await chat({ tools: [WEATHER] });
    expect(offered(provider)).toEqual([...OWN, "weather"].sort());
  });

  test.each([
    ["required", "required", ["clock", "weather"]],
    [{ type: "function", function: { name: "weather" } }, "required", ["weather"]],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "clock" } }] },
      },
      "auto",
      ["clock"],
    ],
    [
      {
        type: "allowed_tools",
        allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "clock" } }] },
      },
      "required",
      ["clock"],
    ],
  ])("which tools the model is offered with %j are at first only those", async (tool_choice, mode, names) => {
    const { chat, provider } = await open([say("Hi.")]);
    await chat({ tools: [WEATHER, CLOCK], tool_choice });
    expect(offered(provider)).toEqual(names);
    expect(provider.requests[0]?.toolChoice.mode).toBe(mode);
  });

  test("which tools the model is offered with none are none at all, not the server's either", async () => {
    const { chat, provider } = await open([say("Hi.")]);
    await chat({ tools: [WEATHER], tool_choice: "none" });
    expect(offered(provider)).toEqual([]);
  });

  test("which tools the model is offered are only the server's where clients' tools are ignored, whatever they choose", async () => {
    const config = { gateway: { api_server: { client_tools: "ignore" } } };
    const { chat, provider } = await open(() => say("Hi."), { config });
    for (const tool_choice of ["auto", "required", { type: "function", function: { name: "weather" } }]) {
      expect((await chat({ tools: [WEATHER], tool_choice })).status).toBe(200);
    }
    expect([1, 2, 3].map((n) => offered(provider, n))).toEqual([OWN, OWN, OWN]);
    expect(provider.requests.map(({ toolChoice }) => toolChoice.mode)).toEqual(["auto", "auto", "auto"]);
  });

  test("include the client's own for a bare model as well", async () => {
    const { chat, provider } = await open([call("weather")]);
    const body = (await chat({ model: "hermes-agent-lite", tools: [WEATHER] })).json();
    expect(offered(provider)).toEqual(["weather"]);
    expect(body.choices[0]?.finish_reason).toBe("tool_calls");
  });
});

describe("results and calls that do not belong together", () => {
  const asked = (id: string) => ({
    role: "assistant",
    content: null,
    tool_calls: [{ id, type: "function", function: { name: "weather", arguments: "{}" } }],
  });
  const result = (id: string) => ({ role: "tool", tool_call_id: id, content: "sun" });

  test.each([
    ["a result without a call", [...HELLO, result("call_lost")], "unknown_tool_call", "call_lost"],
    [
      "a result before its call",
      [...HELLO, result("call_1"), asked("call_1")],
      "unknown_tool_call",
      "call_1",
    ],
    ["a call without a result", [...HELLO, asked("call_open")], "missing_tool_output", "call_open"],
    [
      "a call that a question follows",
      [...HELLO, asked("call_open"), ...HELLO],
      "missing_tool_output",
      "call_open",
    ],
    [
      "one of two calls without a result",
      [
        ...HELLO,
        { ...asked("call_1"), tool_calls: [...asked("call_1").tool_calls, ...asked("call_open").tool_calls] },
        result("call_1"),
      ],
      "missing_tool_output",
      "call_open",
    ],
  ])("%s is refused by its id", async (_name, messages, code, id) => {
    const { chat, provider } = await open([]);
    for (const stream of [false, true]) {
      const answer = await chat({ messages, stream });
      expect([answer.status, answer.json().error]).toMatchObject([400, { code, param: "messages" }]);
      expect(answer.json().error.message).toContain(id);
    }
    expect(provider.requests).toEqual([]);
  });

  test("calls and results of another server's are taken as they are", async () => {
    const { chat, provider } = await open([say("Sunny.")]);
    const messages = [...HELLO, asked("toolu_01"), result("toolu_01")];
    expect((await chat({ messages })).status).toBe(200);
    expect(provider.requests[0]?.items.map(({ type }) => type)).toEqual([
      "message",
      "function_call",
      "function_call_output",
    ]);
  });
});
