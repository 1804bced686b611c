import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { startLive } from "../helpers/live-app.ts";

type Message = OpenAI.ChatCompletionMessageParam;
const SESSION = { headers: { "x-hermes-session-id": "a-session" } };
const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

async function connect(script: Script) {
  const live = await startLive(script, { yaml: "llm: { max_retries: 0 }", files: { "notes.txt": "7431\n" } });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  const say = (...messages: Message[]) =>
    client.chat.completions.create({ model: "hermes-agent", messages }, SESSION);
  /** What the model read in its n-th call, its prompt left out. */
  const read = async (n: number) => {
    const { messages } = asChat(await live.upstream.requestArrived(n));
    return messages.filter(({ role }) => role !== "system").map(({ role, content }) => `${role}: ${content}`);
  };
  return { live, client, say, read };
}

describe("a question that got no answer", () => {
  test("a question that got no answer is not stored a second time when it is asked again", async () => {
    const { say, read } = await connect([
      { text: "Hi." },
      { status: 500 },
      { text: "Four." },
      { text: "Six." },
    ]);
    await say(user("Hello?"));
    await expect(say(user("2 + 2?"))).rejects.toMatchObject({ status: 502 });
    await say(user("2 + 2?"));
    expect(await read(3)).toEqual(["user: Hello?", "assistant: Hi.", "user: 2 + 2?"]);
    await say(user("3 + 3?"));
    expect(await read(4)).toEqual([
      "user: Hello?",
      "assistant: Hi.",
      "user: 2 + 2?",
      "assistant: Four.",
      "user: 3 + 3?",
    ]);
  });

  test("a question that got no answer is not stored a second time when the client sends all it knows", async () => {
    const { say, read } = await connect([{ text: "Hi." }, { status: 500 }, { text: "Four." }]);
    await say(user("Hello?"));
    const history = [user("Hello?"), assistant("Hi."), user("2 + 2?")];
    await expect(say(...history)).rejects.toMatchObject({ status: 502 });
    await say(...history);
    expect(await read(3)).toEqual(["user: Hello?", "assistant: Hi.", "user: 2 + 2?"]);
  });

  test("a question that got no answer is kept when another one follows", async () => {
    const { say, read } = await connect([{ status: 500 }, { text: "Six." }]);
    await expect(say(user("2 + 2?"))).rejects.toMatchObject({ status: 502 });
    await say(user("3 + 3?"));
    expect(await read(2)).toEqual(["user: 2 + 2?", "user: 3 + 3?"]);
  });

  test("a question that got no answer is another one when its picture is another one", async () => {
    const { say, read } = await connect([{ status: 500 }, { text: "A dog." }]);
    const look = (name: string): Message => ({
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: `https://example.com/${name}.png` } },
      ],
    });
    await expect(say(look("cat"))).rejects.toMatchObject({ status: 502 });
    await say(look("dog"));
    expect(await read(2)).toHaveLength(2);
  });
});

describe("a session", () => {
  test("a session goes on whether a client sends its whole history or only what is new", async () => {
    const { say, read } = await connect([{ text: "Hi." }, { text: "Four." }, { text: "Six." }]);
    await say(user("Hello?"));
    await say(user("Hello?"), assistant("Hi."), user("2 + 2?"));
    await say(user("3 + 3?"));
    expect(await read(3)).toEqual([
      "user: Hello?",
      "assistant: Hi.",
      "user: 2 + 2?",
      "assistant: Four.",
      "user: 3 + 3?",
    ]);
  });

  test("a session takes the same question twice when it was answered in between", async () => {
    const { say, read } = await connect([{ text: "Yes." }, { text: "Still yes." }]);
    await say(user("Sure?"));
    await say(user("Sure?"));
    expect(await read(2)).toEqual(["user: Sure?", "assistant: Yes.", "user: Sure?"]);
  });

  test("a session remembers what the server's tools did", async () => {
    const call = { toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };
    const { say, read } = await connect([call, { text: "7431." }, { text: "Yes." }]);
    await say(user("The code?"));
    await say(user("The code?"), assistant("7431."), user("Sure?"));
    const roles = (await read(3)).map((line) => line.split(":")[0]);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant", "user"]);
  });

  test("a session takes its client's tool results without the call being sent again", async () => {
    const call = { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
    const { client, read } = await connect([call, { text: "Sunny." }]);
    const tools = [{ type: "function" as const, function: { name: "get_weather", parameters: {} } }];
    const asked = await client.chat.completions.create(
      { model: "hermes-agent", tools, messages: [user("Weather?")] },
      SESSION,
    );
    const tool_call_id = asked.choices[0]?.message.tool_calls?.[0]?.id ?? "";
    const messages: Message[] = [{ role: "tool", tool_call_id, content: "sunny" }];
    const answer = await client.chat.completions.create({ model: "hermes-agent", tools, messages }, SESSION);
    expect(answer.choices[0]?.message.content).toBe("Sunny.");
    expect(await read(2)).toEqual(["user: Weather?", expect.stringMatching(/^assistant/), "tool: sunny"]);
  });

  test("a session lets a second request wait for the first, and then know its answer", async () => {
    const gate = createGate();
    const { live, say, read } = await connect([{ text: "One.", gate }, { text: "Two." }]);
    const first = say(user("First?"));
    await live.upstream.requestArrived(1);
    const second = say(user("Second?"));
    await gate.reached();
    gate.open();
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ choices }) => choices[0]?.message.content)).toEqual(["One.", "Two."]);
    expect(await read(2)).toEqual(["user: First?", "assistant: One.", "user: Second?"]);
  });
});
