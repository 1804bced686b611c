import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import type { Run } from "../../../src/domain/run.ts";
import { createTextCipher } from "../../../src/lib/text-cipher.ts";
import { RunsEncoder } from "../../../src/wire/hermes/runs/encode.ts";
import { ResponsesEncoder } from "../../../src/wire/openai/responses/encode.ts";
import type { StreamEncoder } from "../../../src/wire/shared/encoder.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { call, type Move, refuse, say, scriptedProvider, think } from "../../helpers/scripted-provider.ts";
import { aRun, numbered, writeOf } from "../../helpers/stored.ts";

const words = fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 6 });
const move = fc.oneof(
  words.map((deltas) => say(...deltas)),
  words.map((deltas) => think(...deltas)),
  fc.string({ maxLength: 8 }).map(refuse),
  fc.constant(call("echo", { value: "some arguments" })),
);
const script = fc.record({
  answers: fc.array(fc.array(move, { maxLength: 5 }), { minLength: 1, maxLength: 3 }),
  /** Events that are stored together. */
  perCommit: fc.integer({ min: 1, max: 12 }),
  isJson: fc.boolean(),
});

/** What a run's log says before and after it was pruned. */
async function logs(run: Run, { answers, perCommit }: Script) {
  const echo = fakeTool("echo", (_args, { progress }) => {
    for (const piece of ["a", "b", "c"]) progress(piece);
    return "abc";
  });
  const played = await playAgent({
    run,
    provider: scriptedProvider((_, n) => (answers[n - 1] ?? [say("The ", "end.")]).flat()),
    tools: registryOf([echo]),
    limits: { maxSteps: 3 },
  });
  const begun = numbered(run, [{ type: "run.created", run, input: [] }]);
  const log = [...begun, ...played.events.map((event) => ({ ...event, seq: event.seq + 1 }))];
  const { inner: store } = await hookedStore();
  for (let at = 0; at < log.length; at += perCommit)
    await store.append([writeOf(run, log.slice(at, at + perCommit), { created: at === 0 })]);
  const read = () => store.readEvents(run.id, { afterSeq: 0, limit: 1_000_000 });
  const before = await read();
  while (await store.prune(Number.MAX_SAFE_INTEGER));
  return { before, after: await read() };
}

interface Script {
  answers: Move[][][];
  perCommit: number;
}

interface Frame {
  type?: string;
  event?: string;
  sequence_number?: number;
  seq?: number;
  delta?: string;
}

function framesOf(encoder: StreamEncoder, events: readonly AgentEvent[]): Frame[] {
  const text = encoder.open() + events.map((event) => encoder.push(event)).join("");
  return text
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)) as Frame);
}

/** Each frame is one that was there before under its number, or a delta that says what those say that it stands for. */
function expectSame(before: readonly Frame[], after: readonly Frame[], numberOf: (frame: Frame) => number) {
  let at = 0;
  for (const frame of after) {
    const stoodFor: Frame[] = [];
    while (at < before.length && numberOf(before[at] as Frame) <= numberOf(frame))
      stoodFor.push(before[at++] as Frame);
    expect(stoodFor.at(-1)).toEqual({ ...frame, ...(frame.delta && { delta: stoodFor.at(-1)?.delta }) });
    if (stoodFor.length > 1) expect(frame.delta).toBe(stoodFor.map(({ delta }) => delta).join(""));
  }
  expect(at).toBe(before.length);
}

const cipher = createTextCipher("test");

describe("a run that was pruned", () => {
  test("a run that was pruned folds to the same state, and keeps the numbers of all frames of each view", async () => {
    const property = fc.asyncProperty(script, async ({ isJson, ...terms }) => {
      const echo = isJson ? { text: { format: { type: "json_object" } } } : {};
      const run = aRun({ surface: "responses", echo });
      const { before, after } = await logs(run, terms);
      expect(fold(after)).toEqual(fold(before));
      const responses = (startingAfter?: number) =>
        new ResponsesEncoder({ run, toolItems: "mcp_call", cipher, startingAfter });
      const [whole, pruned] = [framesOf(responses(), before), framesOf(responses(), after)];
      expectSame(whole, pruned, ({ sequence_number: n = -1 }) => n);
      // A cursor that is no merged delta's inside gets what it got before, and one inside gets the delta whole.
      for (let at = 0; at < whole.length; at++)
        expect(framesOf(responses(at), after)).toEqual(
          pruned.filter(({ sequence_number: n = -1 }) => n > at),
        );
      const watched = framesOf(new RunsEncoder(run), after);
      const truncated = watched.filter(({ event }) => event === "replay.truncated");
      expect(truncated.length).toBeLessThanOrEqual(1);
      expectSame(
        framesOf(new RunsEncoder(run), before),
        watched.filter(({ event }) => event !== "replay.truncated"),
        ({ seq = -1 }) => seq,
      );
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
