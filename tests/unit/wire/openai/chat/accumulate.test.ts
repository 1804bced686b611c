import fc from "fast-check";
import { expect, it } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import type { Part } from "../../../../../src/domain/item.ts";
import {
  answerOf,
  type Chunk,
  chunksOf,
  completed,
  item,
  serverCall,
  streamText,
  told,
} from "../../../../helpers/chat-run.ts";

/** How much of a text the deltas bring before the item is done, and where they are cut. */
const shown = fc.record({ text: fc.string(), cuts: fc.array(fc.nat(), { maxLength: 4 }), all: fc.boolean() });

function deltasOf({ text, cuts, all }: { text: string; cuts: number[]; all: boolean }): string[] {
  const ends = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  const marks = all ? [...ends, text.length] : ends;
  return marks.map((end, index) => text.slice(marks[index - 1] ?? 0, end)).filter((delta) => delta !== "");
}

const message = shown.map((given) => {
  const content: Part[] = given.text === "" ? [] : [{ type: "output_text", text: given.text }];
  return told(item("message", { role: "assistant", content }), "text", ...deltasOf(given));
});
const refusal = shown.map((given) => {
  const content: Part[] = given.text === "" ? [] : [{ type: "refusal", refusal: given.text }];
  return told(item("message", { role: "assistant", content }), "refusal", ...deltasOf(given));
});
const reasoning = shown.map((given) => {
  const summary = given.text === "" ? [] : [{ type: "summary_text" as const, text: given.text }];
  return told(item("reasoning", { summary }), "reasoning", ...deltasOf(given));
});
const clientCall = fc.tuple(shown, fc.uuid()).map(([given, id]) => {
  const outline = { call_id: id, name: "weather", arguments: given.text, executor: "client" as const };
  return told(item("function_call", outline), "arguments", ...deltasOf(given));
});
const ourCall = fc.boolean().map((isError) => serverCall("terminal", isError));
const status = fc.string().map((text): EventBody[] => [{ type: "run.status", kind: "retry", text }]);

const run = fc
  .tuple(
    fc.array(fc.oneof(message, refusal, reasoning, clientCall, ourCall, status), { maxLength: 8 }),
    fc.constantFrom("stop", "length", "tool_calls", "max_steps", "content_filter"),
  )
  .map(([parts, reason]): EventBody[] => [...parts.flat(), completed(reason)]);

/** What a client has when it adds up the chunks, as the SDKs do. */
function accumulate(chunks: readonly Chunk[]) {
  const sum = {
    content: "",
    reasoning: "",
    refusal: "",
    finish: [] as string[],
    usage: [] as unknown[],
  };
  const calls: { id: string; type: string; function: { name: string; arguments: string } }[] = [];
  for (const { choices, usage } of chunks) {
    if (usage) sum.usage.push(usage);
    for (const { delta, finish_reason } of choices) {
      sum.content += delta.content ?? "";
      sum.reasoning += delta.reasoning_content ?? "";
      sum.refusal += delta.refusal ?? "";
      if (finish_reason !== null) sum.finish.push(finish_reason);
      for (const piece of delta.tool_calls ?? []) {
        const { index, id = "", type = "", function: part } = piece;
        calls[index] ??= { id, type, function: { name: part.name ?? "", arguments: "" } };
        calls[index].function.arguments += part.arguments;
      }
    }
  }
  return { ...sum, calls };
}

it("what a client adds up from the stream is the whole answer", () => {
  const progress = fc.constantFrom("fields", "events", "openwebui", "off");
  fc.assert(
    fc.property(run, progress, (events, way) => {
      const streamed = accumulate(chunksOf(streamText(events, { includeUsage: true, progress: way })));
      const answer = answerOf(events);
      if ("failure" in answer) throw new Error("a completed run has an answer");
      const { choices, usage } = JSON.parse(answer.body) as {
        choices: [{ message: Record<string, unknown>; finish_reason: string }];
        usage: object;
      };
      const [{ message: whole, finish_reason }] = choices;
      expect(streamed).toEqual({
        content: whole["content"] ?? "",
        reasoning: whole["reasoning_content"] ?? "",
        refusal: whole["refusal"] ?? "",
        calls: whole["tool_calls"] ?? [],
        finish: [finish_reason],
        usage: [usage],
      });
    }),
    { numRuns: 300 },
  );
});

it("an answer is the same with and without the deltas that announced it", () => {
  fc.assert(
    fc.property(run, (events) => {
      const withoutDeltas = events.filter(({ type }) => type !== "item.delta");
      expect(answerOf(withoutDeltas)).toEqual(answerOf(events));
    }),
  );
});
