import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import { ChatCompletion } from "../../../../../src/wire/openai/chat/schema.ts";
import {
  answerOf,
  COMPLETION_ID,
  chunksOf,
  completed,
  framesOf,
  item,
  RUN_ID,
  serverCall,
  speech,
  streamText,
  told,
  USAGE,
} from "../../../../helpers/chat-run.ts";

const PRINTED_USAGE = {
  prompt_tokens: 10,
  completion_tokens: 5,
  total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
};
const SERVED = { run_id: RUN_ID, model: "fake-1", provider: "fake" };

/** The JSON answer, which must be one. */
function bodyOf(bodies: readonly EventBody[]) {
  const answer = answerOf(bodies);
  if ("failure" in answer) throw new Error(answer.failure.message);
  return { ...ChatCompletion.parse(JSON.parse(answer.body)), headers: answer.headers };
}

const deltasOf = (text: string) => chunksOf(text).flatMap(({ choices }) => choices.map(({ delta }) => delta));

describe("a stream", () => {
  const text = streamText([...speech("Hel", "lo"), completed()]);
  const chunks = chunksOf(text);

  it("a stream is the role, the text, one finish reason with an empty delta, and [DONE]", () => {
    expect(chunks.map(({ choices }) => choices)).toEqual([
      [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
      [{ index: 0, delta: { content: "Hel" }, finish_reason: null }],
      [{ index: 0, delta: { content: "lo" }, finish_reason: null }],
      [{ index: 0, delta: {}, finish_reason: "stop" }],
    ]);
    expect(framesOf(text).map(({ data }) => data === "[DONE]")).toEqual([false, false, false, false, true]);
  });

  it("a stream has the same identity in every chunk: the run's, and the model that was asked for", () => {
    const identity = {
      id: COMPLETION_ID,
      object: "chat.completion.chunk",
      created: 1_800_000_000,
      model: "hermes-agent",
    };
    for (const chunk of chunks) expect(chunk).toMatchObject(identity);
  });

  it("a stream says at its end what served it", () => {
    expect(chunks.at(-1)?.hermes).toEqual({ ...SERVED, completed: true });
  });

  it("a stream keeps text whole that looks like anything else", () => {
    const strange = '"\\\n\r\n\u2028data: [DONE]\n\n{}\u0000😀';
    expect(deltasOf(streamText([...speech(strange), completed()])).map(({ content }) => content)).toContain(
      strange,
    );
  });
});

describe("usage", () => {
  const run = [...speech("Hi"), completed()];

  it("usage is in no chunk when it was not asked for", () => {
    expect(chunksOf(streamText(run)).filter((chunk) => "usage" in chunk)).toEqual([]);
  });

  it("usage is null in every chunk but a last one without choices when it was asked for", () => {
    const chunks = chunksOf(streamText([...serverCall(), ...run], { includeUsage: true }));
    const last = chunks.at(-1);
    expect([last?.choices, last?.usage]).toEqual([[], PRINTED_USAGE]);
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual(chunks.slice(1).map(() => null));
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("usage stands in the last chunk for hermes' clients, unless it was asked for where OpenAI has it", () => {
    expect(chunksOf(streamText(run, { progress: "events" })).at(-1)?.usage).toEqual(PRINTED_USAGE);
    const asked = chunksOf(streamText(run, { progress: "events", includeUsage: true }));
    expect(asked.filter(({ usage }) => usage).length).toBe(1);
  });
});

describe("the text of several steps", () => {
  const run = [...speech("I look."), ...serverCall(), ...speech("There", " it is."), completed()];

  it("the text of several steps has a blank line between them", () => {
    expect(bodyOf(run).choices[0]?.message.content).toBe("I look.\n\nThere it is.");
    const contents = deltasOf(streamText(run)).map(({ content }) => content ?? "");
    expect(contents.join("")).toBe("I look.\n\nThere it is.");
  });

  it("the text of several steps holds nothing of the server's tools: no call, no output", () => {
    const text = streamText(run, { progress: "off" });
    expect(text).not.toMatch(/tool_calls|a\.txt|terminal/);
    expect(bodyOf(run).choices[0]?.message).not.toHaveProperty("tool_calls");
  });

  it("what deltas left out comes when the item is done", () => {
    const content = [{ type: "output_text" as const, text: "Hello, world" }];
    const message = item("message", { role: "assistant", content });
    for (const deltas of [[], ["Hel"], ["Hello, world"]]) {
      const text = streamText([...told(message, "text", ...deltas), completed()]);
      expect(
        deltasOf(text)
          .map((delta) => delta.content ?? "")
          .join(""),
      ).toBe("Hello, world");
    }
  });

  it("what is for the model only shows nowhere", () => {
    const content = [{ type: "output_text" as const, text: "secret" }];
    const hidden = item("message", { role: "user", content }, { place: "internal" });
    const given = item("message", { role: "user", content }, { place: "input" });
    const events: EventBody[] = [hidden, given].map((entry) => ({ type: "item.done", item: entry }));
    expect(streamText([...events, completed()])).not.toContain("secret");
    expect(bodyOf([...events, completed()]).choices[0]?.message.content).toBe("");
  });
});

describe("reasoning and refusals", () => {
  const reasoning = (...texts: string[]) =>
    item("reasoning", { summary: texts.map((text) => ({ type: "summary_text" as const, text })) });
  const refusal = item("message", {
    role: "assistant",
    content: [{ type: "refusal", refusal: "No, sorry." }],
  });

  it("reasoning and refusals are fields of their own, never text", () => {
    const run = [
      ...told(reasoning("Hmm. So."), "reasoning", "Hmm.", " So."),
      ...told(refusal, "refusal", "No, "),
      completed(),
    ];
    expect(deltasOf(streamText(run))).toEqual([
      { role: "assistant", content: "" },
      { reasoning_content: "Hmm." },
      { reasoning_content: " So." },
      { refusal: "No, " },
      { refusal: "sorry." },
      {},
    ]);
    const { message } = bodyOf(run).choices[0] ?? {};
    expect(message).toMatchObject({ content: "", reasoning_content: "Hmm. So.", refusal: "No, sorry." });
  });

  it("several thoughts have a blank line between them, streamed or not", () => {
    const run = [...told(reasoning("One."), "reasoning", "One."), ...told(reasoning("Two.")), completed()];
    const streamed = deltasOf(streamText(run)).map((delta) => delta.reasoning_content ?? "");
    expect(streamed.join("")).toBe("One.\n\nTwo.");
    expect(bodyOf(run).choices[0]?.message.reasoning_content).toBe("One.\n\nTwo.");
  });
});

describe("the client's own calls", () => {
  const call = (id: string, text: string) =>
    item("function_call", { call_id: id, name: "weather", arguments: text, executor: "client" });

  it("the client's own calls have an id and a name first, then pieces of arguments under their index", () => {
    const run = [
      ...serverCall(),
      ...told(call("call_a", '{"city":"Ulm"}'), "arguments", '{"city":', '"Ulm"}'),
      ...told(call("call_b", "{}")),
      completed("tool_calls"),
    ];
    const begun = (index: number, id: string) => ({
      tool_calls: [{ index, id, type: "function", function: { name: "weather", arguments: "" } }],
    });
    const more = (index: number, text: string) => ({
      tool_calls: [{ index, function: { arguments: text } }],
    });
    const deltas = deltasOf(streamText(run, { progress: "off" }));
    expect(deltas).toEqual([
      { role: "assistant", content: "" },
      begun(0, "call_a"),
      more(0, '{"city":'),
      more(0, '"Ulm"}'),
      begun(1, "call_b"),
      more(1, "{}"),
      {},
    ]);
    const { message, finish_reason } = bodyOf(run).choices[0] ?? {};
    expect(finish_reason).toBe("tool_calls");
    expect(message?.content).toBeNull();
    expect(message?.tool_calls).toEqual([
      { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Ulm"}' } },
      { id: "call_b", type: "function", function: { name: "weather", arguments: "{}" } },
    ]);
  });

  it("the client's own calls may be told side by side", () => {
    const [a, b] = [call("call_a", "{1}"), call("call_b", "{2}")];
    const [addA, deltaA, doneA] = told(a, "arguments", "{1");
    const [addB, deltaB, doneB] = told(b, "arguments", "{2");
    const order = [addA, addB, deltaB, deltaA, doneB, doneA].filter((event) => event !== undefined);
    const calls = bodyOf([...order, completed("tool_calls")]).choices[0]?.message.tool_calls;
    expect(calls?.map((entry) => entry.function.arguments)).toEqual(["{1}", "{2}"]);
  });
});

describe("how a run ended", () => {
  it.each([
    ["stop", "stop", true],
    ["tool_calls", "tool_calls", true],
    ["length", "length", false],
    ["max_steps", "length", false],
    ["content_filter", "content_filter", false],
  ] as const)("%s is finish_reason %s", (reason, printed, isComplete) => {
    const run = [...speech("Hi"), completed(reason)];
    const last = chunksOf(streamText(run)).at(-1);
    expect([last?.choices[0]?.finish_reason, last?.hermes?.["completed"]]).toEqual([printed, isComplete]);
    const { choices, hermes, headers } = bodyOf(run);
    expect([choices[0]?.finish_reason, hermes]).toEqual([printed, { ...SERVED, completed: isComplete }]);
    const incomplete = { "x-hermes-completed": "false", "x-hermes-partial": "true" };
    expect(headers).toEqual(isComplete ? undefined : incomplete);
  });

  it("the whole answer has all that OpenAI requires", () => {
    const { headers: _headers, ...body } = bodyOf([...speech("Hi"), completed()]);
    expect(body).toEqual({
      id: COMPLETION_ID,
      object: "chat.completion",
      created: 1_800_000_000,
      model: "hermes-agent",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hi", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: PRINTED_USAGE,
      hermes: { ...SERVED, completed: true },
    });
  });

  it("an answer without any text has an empty one, never null", () => {
    expect(bodyOf([completed()]).choices[0]?.message.content).toBe("");
  });
});

describe("failures", () => {
  const error = { code: "upstream_error", message: 'It "broke".' } as const;
  const failed: EventBody = { type: "run.failed", error, usage: USAGE, steps: 1 };

  it("failures in a stream are an error object with the run's id, then [DONE], and no finish reason", () => {
    const frames = framesOf(streamText([...speech("Hal"), failed]));
    expect(frames.slice(-2).map(({ event }) => event)).toEqual([undefined, undefined]);
    expect(JSON.parse(frames.at(-2)?.data ?? "")).toEqual({
      error: { message: 'It "broke".', type: "server_error", param: null, code: "upstream_error" },
      hermes: { run_id: RUN_ID },
    });
    expect(frames.at(-1)?.data).toBe("[DONE]");
    expect(frames.some(({ data }) => /"finish_reason":"/.test(data))).toBe(false);
  });

  it("say when a retry would repeat something", () => {
    const once: EventBody = { ...failed, error: { ...error, shouldRetry: false } };
    expect(chunksOf(streamText([once])).at(-1)?.hermes).toEqual({ run_id: RUN_ID, should_retry: false });
  });

  it("failures are text, too, for clients that drop error objects", () => {
    const contents = deltasOf(streamText([...speech("Hal"), failed].slice(0, 3), { errorAsText: true }));
    expect(contents.length).toBe(2);
    const text = streamText([...speech("Hal"), failed], { errorAsText: true });
    expect(text).toContain(JSON.stringify({ content: '\n\n[It "broke".]' }));
  });

  it("before an answer are the failure itself", () => {
    expect(answerOf([...speech("Hal"), failed])).toEqual({ failure: error });
  });

  it("a run that somebody stopped has failed for its reader", () => {
    const cancelled: EventBody = { type: "run.cancelled", reason: "stopped", usage: USAGE, steps: 1 };
    expect(answerOf([cancelled])).toMatchObject({
      failure: { code: "run_cancelled", shouldRetry: false },
    });
    expect(chunksOf(streamText([cancelled])).at(-1)?.error).toMatchObject({ code: "run_cancelled" });
  });

  it("a run that has not ended has no answer", () => {
    expect(() => answerOf(speech("Hal"))).toThrow("has not ended");
  });
});
