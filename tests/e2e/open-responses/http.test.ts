import { describe, expect, test } from "vitest";
import { asChat } from "../../fake-upstream/request.ts";
import type { Script } from "../../fake-upstream/script.ts";
import { type LiveOptions, send, startLive } from "../../helpers/live-app.ts";
import {
  Compaction,
  create,
  finalOf,
  type ResponseResource,
  type StreamEvent,
  stream,
} from "../../helpers/open-responses.ts";
import { pdfOf } from "../../helpers/pdf.ts";

/** The rows of the Open Responses suite that go over HTTP, and those of its other revisions. */

const PNG =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Get the current weather for a location",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] },
};
const ASK_WEATHER = {
  input: [{ type: "message", role: "user", content: "What is the weather in Oslo?" }],
  tools: [WEATHER],
};
const LOOK = { toolCalls: [{ name: "get_weather", arguments: { location: "Oslo" } }] };

const user = (content: unknown) => ({ type: "message", role: "user", content });
const assistant = (content: string, more: object = {}) => ({
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text: content }],
  ...more,
});

const UPSTREAMS: [name: string, script: Script, options: LiveOptions][] = [
  ["the demo", [], { protocol: "demo" }],
  ["OpenAI's protocol", () => ({ text: "Hello to you.", reasoning: "Greet." }), {}],
  ["Anthropic's protocol", () => ({ text: "Hello to you." }), { protocol: "anthropic-messages" }],
];

describe.each(UPSTREAMS)("over %s", (_name, script, options) => {
  test.each<[row: string, body: object]>([
    ["basic-response", { input: [user("Say hello in exactly 3 words.")] }],
    [
      "assistant-phase",
      {
        input: [
          user("Find the bug."),
          assistant("I look at it.", { phase: "commentary" }),
          assistant("It is in line 3.", { phase: "final_answer" }),
          user("Thanks."),
        ],
      },
    ],
    [
      "system-prompt",
      { input: [{ type: "message", role: "system", content: "Be a pirate." }, user("Hello.")] },
    ],
    ["multi-turn", { input: [user("I am Alice."), assistant("Hello Alice!"), user("Who am I?")] }],
    [
      "image-input",
      {
        input: [
          user([
            { type: "input_text", text: "What do you see?" },
            { type: "input_image", image_url: PNG },
          ]),
        ],
      },
    ],
    [
      "file-input",
      {
        input: [
          user([
            { type: "input_text", text: "What does it say?" },
            {
              type: "input_file",
              filename: "page.pdf",
              file_data: `data:application/pdf;base64,${pdfOf("The code is 7431.").toString("base64")}`,
            },
          ]),
        ],
      },
    ],
  ])("%s", async (_row, body) => {
    const live = await startLive(script, options);
    const response = await create(live, body);
    expect(response.status).toBe("completed");
    expect(response.output.length).toBeGreaterThan(0);
  });

  test("streaming-response", async () => {
    const live = await startLive(script, options);
    const events = await stream(live, { input: [user("Count from 1 to 5.")] });
    const final = finalOf(events);
    expect(final.status).toBe("completed");
    const [created, inProgress] = events;
    expect(created).toMatchObject({
      type: "response.created",
      response: { status: "in_progress", output: [], usage: null, completed_at: null },
    });
    expect(inProgress?.type).toBe("response.in_progress");
    expect(deltasOf(events)).toBe(textOf(final));
  });

  test("previous-response-id", async () => {
    const live = await startLive(script, options);
    const first = await create(live, { input: [user("I am Alice.")] });
    const second = await create(live, { input: [user("Who am I?")], previous_response_id: first.id });
    expect(second).toMatchObject({ status: "completed", previous_response_id: first.id });
  });

  test("compact-response", async () => {
    const live = await startLive(script, options);
    const first = await create(live, { input: [user("I am Alice.")] });
    const body = { model: "hermes-agent", input: [user("Keep my name.")], previous_response_id: first.id };
    const answer = await send(live, "/v1/responses/compact", body);
    expect(answer.status).toBe(200);
    const compacted = Compaction.parse(await answer.json());
    expect(compacted.output.map(({ type }) => type)).toContain("compaction");
    const next = await create(live, { input: [...compacted.output, user("Who am I?")] });
    expect(next.status).toBe("completed");
  });
});

function deltasOf(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
}

function textOf({ output }: ResponseResource): string {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  return parts.map((part) => ("text" in part ? part.text : "")).join("");
}

describe("with a client's tool", () => {
  test("tool-calling", async () => {
    const live = await startLive([LOOK]);
    const response = await create(live, ASK_WEATHER);
    expect(response.output).toContainEqual(
      expect.objectContaining({
        type: "function_call",
        name: "get_weather",
        arguments: '{"location":"Oslo"}',
      }),
    );
    expect(response.tools).toEqual([{ ...WEATHER, strict: null }]);
  });

  test("tool-calling-streaming", async () => {
    const live = await startLive([LOOK]);
    const events = await stream(live, ASK_WEATHER);
    const types = events.map(({ type }) => type);
    const about = (type: string) =>
      events.filter((event) => event.type === type && "item" in event && event.item.type === "function_call");
    expect(about("response.output_item.added")).toEqual([
      expect.objectContaining({ item: expect.objectContaining({ arguments: "", status: "in_progress" }) }),
    ]);
    expect(about("response.output_item.done")).toHaveLength(1);
    expect(types).toContain("response.function_call_arguments.delta");
    expect(types).toContain("response.function_call_arguments.done");
  });

  test("function-call-roundtrip: a forced call, answered by the response's id", async () => {
    const live = await startLive([LOOK, { text: "Rain." }]);
    const first = await create(live, {
      ...ASK_WEATHER,
      tool_choice: { type: "function", name: "get_weather" },
    });
    const call = first.output.find((item) => item.type === "function_call");
    const second = await create(live, {
      input: [{ type: "function_call_output", call_id: call?.call_id, output: "rain" }],
      previous_response_id: first.id,
      tools: [WEATHER],
    });
    expect(second.status).toBe("completed");
    expect(textOf(second)).toBe("Rain.");
    const { tools } = asChat(await live.upstream.requestArrived(1));
    expect(tools).toMatchObject([{ function: { name: "get_weather" } }]);
  });
});

describe("response objects", () => {
  test("hold every key whatever was asked for, in each event of a stream, too", async () => {
    const live = await startLive(() => ({ text: "{}" }));
    const body = {
      input: "Answer.",
      instructions: "Be brief.",
      temperature: 0.5,
      top_p: 0.9,
      presence_penalty: 0.1,
      frequency_penalty: -0.1,
      max_output_tokens: 100,
      parallel_tool_calls: false,
      truncation: "auto",
      store: false,
      metadata: { a: "b" },
      safety_identifier: "user-1",
      prompt_cache_key: "key-1",
      service_tier: "default",
      reasoning: { effort: "low" },
      text: { format: { type: "json_object" } },
      tools: [{ type: "function", name: "bare" }],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "bare" }] },
    };
    const { input: _input, tools: _tools, reasoning: _reasoning, ...echoed } = body;
    expect(await create(live, body)).toMatchObject(echoed);
    for (const event of await stream(live, body)) {
      if (!("response" in event)) continue;
      expect(event.response).toMatchObject({
        ...echoed,
        tools: [{ type: "function", name: "bare", description: null, parameters: null, strict: null }],
        reasoning: { effort: "low", summary: null },
      });
    }
  });

  test("hold reasoning as summaries, with all their events", async () => {
    const live = await startLive([{ reasoning: "Let me think.", text: "Done." }]);
    const events = await stream(live, { input: "Think." });
    expect(finalOf(events).output[0]).toMatchObject({
      type: "reasoning",
      summary: [{ text: "Let me think." }],
    });
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining([
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
      ]),
    );
  });

  test("hold refusals, failures and cut answers in the same forms", async () => {
    const live = await startLive(
      [
        { refusal: "I will not." },
        { text: "One two", finish: "length" },
        { status: 400, body: { error: { message: "no" } } },
      ],
      { yaml: "llm: { max_retries: 0 }" },
    );
    const types = (await stream(live, { input: "Do it." })).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["response.refusal.delta", "response.refusal.done"]));
    expect(finalOf(await stream(live, { input: "Count." }))).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
    });
    expect(finalOf(await stream(live, { input: "Fail." })).status).toBe("failed");
  });
});

test("compact-missing-model", async () => {
  const live = await startLive([]);
  const answer = await send(live, "/v1/responses/compact", { input: [user("Hello.")] });
  expect(answer.status).toBe(400);
});
