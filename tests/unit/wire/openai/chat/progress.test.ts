import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import {
  COMPLETION_ID,
  chunksOf,
  completed,
  framesOf,
  item,
  serverCall,
  speech,
  streamText,
  told,
} from "../../../../helpers/chat-run.ts";

const STATUS: EventBody = { type: "run.status", kind: "retry", text: "Trying again" };
const START = {
  tool: "terminal",
  emoji: "💻",
  label: "ls -la",
  toolCallId: "call_terminal",
  status: "running",
};
const END = { tool: "terminal", toolCallId: "call_terminal", status: "completed" };
const IDENTITY = {
  id: COMPLETION_ID,
  object: "chat.completion.chunk",
  created: 1_800_000_000,
  model: "hermes-agent",
};

/** What a stream says between its first chunk and the finish, as frames with parsed data. */
function news(progress: "fields" | "events" | "openwebui" | "off", events: readonly EventBody[]) {
  const frames = framesOf(streamText([...events, completed()], { progress }));
  return frames
    .slice(1, -2)
    .map(({ event, data }) => ({ event, data: JSON.parse(data) as Record<string, unknown> }));
}

describe("progress of the server's tools", () => {
  it("progress of the server's tools as fields: an ordinary chunk with an empty delta and the news beside it", () => {
    const choices = [{ index: 0, delta: {}, finish_reason: null }];
    const chunk = (hermes: object) => ({ event: undefined, data: { ...IDENTITY, choices, hermes } });
    expect(news("fields", [...serverCall(), STATUS])).toEqual([
      chunk({ type: "tool.progress", ...START }),
      chunk({ type: "tool.progress", ...END }),
      chunk({ type: "status", kind: "retry", text: "Trying again" }),
    ]);
  });

  it("progress of the server's tools as events: named, with data that is a valid chunk without choices", () => {
    const frame = (event: string, fields: object) => ({
      event,
      data: { ...IDENTITY, choices: [], ...fields },
    });
    expect(news("events", [...serverCall(), STATUS])).toEqual([
      frame("hermes.tool.progress", START),
      frame("hermes.tool.progress", END),
      frame("hermes.status", { kind: "retry", text: "Trying again" }),
    ]);
  });

  it("progress of the server's tools for Open WebUI: a status that its page shows above the answer", () => {
    const status = (description: string, done: boolean) => ({
      event: undefined,
      data: { ...IDENTITY, choices: [], event: { type: "status", data: { description, done } } },
    });
    expect(news("openwebui", [...serverCall(), STATUS])).toEqual([
      status("💻 terminal: ls -la", false),
      status("💻 terminal: ls -la", true),
      status("Trying again", false),
    ]);
  });

  it("off: nothing", () => {
    expect(news("off", [...serverCall(), STATUS])).toEqual([]);
  });

  it("a failed call says so", () => {
    const last = news("fields", serverCall("terminal", true)).at(-1);
    expect(last?.data["hermes"]).toEqual({ type: "tool.progress", ...END, failed: true });
  });

  it("a call that was cut off has failed as well", () => {
    const outline = { call_id: "call_x", name: "x", output: "", executor: "server" as const };
    const cut = item("function_call_output", outline, { status: "incomplete" });
    expect(news("events", told(cut)).at(-1)?.data).toMatchObject({ status: "completed", failed: true });
  });

  it("a tool without a label of its own shows its name, and one that begins with _ does not show", () => {
    const outline = (name: string) => ({
      call_id: `call_${name}`,
      name,
      output: "",
      executor: "server" as const,
    });
    const bare = news("events", told(item("function_call_output", outline("bare"))));
    expect(bare[0]?.data).toMatchObject({ tool: "bare", label: "bare", emoji: "" });
    expect(news("events", told(item("function_call_output", outline("_hidden"))))).toEqual([]);
  });

  it.each([
    "fields",
    "events",
    "openwebui",
    "off",
  ] as const)("progress of the server's tools as %s never touches the text, the calls or the end, and every chunk stays one", (progress) => {
    const run = [...speech("Hi"), ...serverCall(), STATUS, ...speech("there"), completed()];
    const chunks = chunksOf(streamText(run, { progress }));
    const content = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(content).toBe("Hi\n\nthere");
    expect(chunks.filter(({ choices }) => choices[0]?.delta.tool_calls)).toEqual([]);
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason).length).toBe(1);
    for (const chunk of chunks) {
      expect(chunk).toMatchObject(IDENTITY);
      expect(Array.isArray(chunk.choices)).toBe(true);
      expect(typeof chunk.event).not.toBe("string");
      expect(chunk).not.toHaveProperty("error");
    }
  });
});
