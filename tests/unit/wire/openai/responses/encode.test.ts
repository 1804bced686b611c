import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import type { Part } from "../../../../../src/domain/item.ts";
import { createTextCipher } from "../../../../../src/lib/text-cipher.ts";
import { ResponsesEncoder } from "../../../../../src/wire/openai/responses/encode.ts";
import type { ToolItems } from "../../../../../src/wire/openai/responses/output.ts";
import {
  completed,
  framesOf,
  item,
  logOf,
  RUN,
  serverCall,
  speech,
  told,
  USAGE,
} from "../../../../helpers/chat-run.ts";

interface Event {
  type: string;
  sequence_number: number;
  output_index?: number;
  content_index?: number;
  summary_index?: number;
  item_id?: string;
  delta?: string;
  text?: string;
  refusal?: string;
  arguments?: string;
  item?: Item;
  part?: { type: string; text?: string };
  response?: Response;
}

interface Item {
  id: string;
  type: string;
  status: string;
  output?: unknown;
  error?: unknown;
  [key: string]: unknown;
}

interface Response {
  status: string;
  output: Item[];
  error: { code: string; type: string; message: string } | null;
  [key: string]: unknown;
}

const STARTED: EventBody = { type: "run.started" };

function encoder(toolItems: ToolItems): ResponsesEncoder {
  return new ResponsesEncoder({
    run: { ...RUN, surface: "responses" },
    toolItems,
    cipher: createTextCipher("test"),
  });
}

function stream(bodies: readonly EventBody[], toolItems: ToolItems = "mcp_call"): Event[] {
  const view = encoder(toolItems);
  const text =
    view.open() +
    logOf([STARTED, ...bodies])
      .map((event) => view.push(event))
      .join("");
  const frames = framesOf(text);
  expect(frames.at(-1)).toEqual({ event: undefined, data: "[DONE]" });
  return frames.slice(0, -1).map(({ event, data }) => {
    const parsed = JSON.parse(data) as Event;
    expect(event).toBe(parsed.type);
    return parsed;
  });
}

function whole(bodies: readonly EventBody[], toolItems: ToolItems = "mcp_call"): Response {
  const view = encoder(toolItems);
  for (const event of logOf([STARTED, ...bodies])) view.read(event);
  return view.response() as unknown as Response;
}

const types = (events: readonly Event[]) => events.map(({ type }) => type.replace("response.", ""));

describe("a streamed response", () => {
  it("a streamed response tells a text in the order that every reader expects", () => {
    const events = stream([...speech("Hel", "lo"), completed()]);
    expect(types(events)).toEqual([
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed",
    ]);
    expect(events[0]?.response).toMatchObject({ status: "in_progress", output: [], usage: null });
    expect(events[6]).toMatchObject({ text: "Hello", content_index: 0, logprobs: [] });
    expect(events.at(-1)?.response).toMatchObject({ status: "completed", usage: { total_tokens: 15 } });
  });

  it("a streamed response tells what the model thought as a summary", () => {
    const thought = item("reasoning", { summary: [{ type: "summary_text", text: "hm, well" }] });
    const events = stream([...told(thought, "reasoning", "hm,", " well"), completed()]);
    expect(types(events).slice(2, -1)).toEqual([
      "output_item.added",
      "reasoning_summary_part.added",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.delta",
      "reasoning_summary_text.done",
      "reasoning_summary_part.done",
      "output_item.done",
    ]);
  });

  it("a streamed response tells a call of the client with its arguments, and ends completed", () => {
    const call = item("function_call", {
      call_id: "c",
      name: "weather",
      arguments: '{"a":1}',
      executor: "client",
    });
    const events = stream([...told(call, "arguments", '{"a"', ":1}"), completed("tool_calls")]);
    expect(types(events).slice(2)).toEqual([
      "output_item.added",
      "function_call_arguments.delta",
      "function_call_arguments.delta",
      "function_call_arguments.done",
      "output_item.done",
      "completed",
    ]);
    expect(events.at(-2)?.item).toMatchObject({ type: "function_call", call_id: "c", arguments: '{"a":1}' });
  });

  it("a streamed response has a server's call as one mcp_call with its result", () => {
    const events = stream([...serverCall(), ...speech("done"), completed()]);
    expect(types(events).slice(2, 9)).toEqual([
      "output_item.added",
      "mcp_call.in_progress",
      "mcp_call_arguments.delta",
      "mcp_call_arguments.delta",
      "mcp_call_arguments.done",
      "mcp_call.completed",
      "output_item.done",
    ]);
    const [call, message] = events.at(-1)?.response?.output ?? [];
    expect(call).toMatchObject({
      type: "mcp_call",
      status: "completed",
      server_label: "hermes",
      name: "terminal",
      arguments: '{"command":"ls"}',
      output: "a.txt",
      error: null,
    });
    expect(message).toMatchObject({ type: "message", status: "completed" });
  });

  it("a streamed response says of a server's call that failed that it failed", () => {
    const events = stream([...serverCall("terminal", true), completed()]);
    expect(types(events)).toContain("mcp_call.failed");
    const [call] = events.at(-1)?.response?.output ?? [];
    expect(call).toMatchObject({ status: "failed", output: null, error: "a.txt" });
  });

  it("a streamed response has a server's call as a pair for those who ask for it, or not at all", () => {
    const bodies = [...serverCall(), ...speech("done"), completed()];
    const kinds = (tools: ToolItems) => whole(bodies, tools).output.map(({ type }) => type);
    expect(kinds("function_call")).toEqual(["function_call", "function_call_output", "message"]);
    expect(kinds("none")).toEqual(["message"]);
    const output = whole(bodies, "function_call").output[1]?.output;
    expect(output).toEqual([{ type: "input_text", text: "a.txt" }]);
  });

  it("a streamed response closes a call that never got to run, and says that it is incomplete", () => {
    const [added, ...rest] = serverCall().slice(0, 4);
    const events = stream([
      added as EventBody,
      ...rest,
      { type: "run.cancelled", reason: "stop", usage: USAGE, steps: 1 },
    ]);
    expect(events.at(-2)).toMatchObject({
      type: "response.output_item.done",
      item: { status: "incomplete" },
    });
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "cancelled", error: null },
    });
  });

  it("ends failed with type, code and message when the run failed", () => {
    const error = { code: "upstream_error", message: "It failed." } as const;
    const events = stream([...speech("par"), { type: "run.failed", error, usage: USAGE, steps: 1 }]);
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: {
        status: "failed",
        error: { type: "server_error", code: "upstream_error", message: "It failed." },
      },
    });
  });

  it.each([
    ["length", "max_output_tokens"],
    ["max_steps", "max_steps"],
    ["content_filter", "content_filter"],
  ] as const)("a streamed response that ends by %s is incomplete and says why", (reason, told) => {
    const events = stream([...speech("x"), completed(reason)]);
    expect(events.at(-1)).toMatchObject({
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: { reason: told }, completed_at: null },
    });
  });
});

describe("a response object", () => {
  it("a response object has every key that any client demands", () => {
    const keys = Object.keys(whole([completed()]));
    const demanded =
      "id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key".split(
        " ",
      );
    expect(demanded.filter((key) => !keys.includes(key))).toEqual([]);
  });
});

/** How much of a text the deltas bring before the item is done. */
const cut = fc.record({ text: fc.string(), told: fc.nat() });
const pieces = ({ text, told: length }: { text: string; told: number }) =>
  [text.slice(0, length % (text.length + 1))].filter((delta) => delta !== "");
const message = cut.map((given) => {
  const content: Part[] = given.text === "" ? [] : [{ type: "output_text", text: given.text }];
  return told(item("message", { role: "assistant", content }), "text", ...pieces(given));
});
const thought = cut.map((given) => {
  const summary = given.text === "" ? [] : [{ type: "summary_text" as const, text: given.text }];
  return told(item("reasoning", { summary }), "reasoning", ...pieces(given));
});
const clientCall = fc.tuple(cut, fc.uuid()).map(([given, call_id]) => {
  const outline = { call_id, name: "weather", arguments: given.text, executor: "client" as const };
  return told(item("function_call", outline), "arguments", ...pieces(given));
});
const ourCall = fc.tuple(fc.uuid(), fc.boolean()).map(([name, failed]) => serverCall(name, failed));
const run = fc
  .array(fc.oneof(message, thought, clientCall, ourCall), { maxLength: 6 })
  .map((parts): EventBody[] => [...parts.flat(), completed()]);
const tools = fc.constantFrom<ToolItems>("mcp_call", "function_call", "none");

it("whatever a run does, its stream counts up, begins and ends each item once, and adds up to the whole answer", () => {
  fc.assert(
    fc.property(run, tools, (bodies, toolItems) => {
      const events = stream(bodies, toolItems);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, index) => index));
      const last = events.at(-1)?.response;
      expect(last).toEqual(JSON.parse(JSON.stringify(whole(bodies, toolItems))));
      const of = (type: string) => events.filter((event) => event.type === `response.${type}`);
      expect(of("output_item.added").map(({ output_index: at }) => at)).toEqual(
        last?.output.map((_item, at) => at),
      );
      expect(of("output_item.done")).toHaveLength(last?.output.length ?? 0);
      for (const done of of("output_item.done"))
        expect(last?.output[done.output_index ?? -1]).toEqual(done.item);
      for (const done of [...of("output_text.done"), ...of("reasoning_summary_text.done")]) {
        const deltas = events.filter(
          (event) => event.item_id === done.item_id && event.type === done.type.replace(".done", ".delta"),
        );
        expect(deltas.map(({ delta }) => delta).join("")).toBe(done.text);
      }
    }),
  );
});
