import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import type { RunId } from "../../../src/domain/id.ts";
import { allEvents } from "../../../src/eventlog/read-all.ts";
import { createTextCipher } from "../../../src/lib/text-cipher.ts";
import { ResponsesEncoder } from "../../../src/wire/openai/responses/encode.ts";
import { dieAt, finish, NEVER, settled, startProcess, WHOLE } from "../../helpers/crash.ts";
import { framesOf } from "../../helpers/frames.ts";
import { OWNER, transcriptOf } from "../../helpers/stored.ts";

const POINTS = Array.from({ length: 9 }, (_, n) => n + 1).flatMap((at) => [
  { at, when: "before" as const },
  { at, when: "after" as const },
]);

test("a run that had no turn before it was given up still has what it was asked", async () => {
  const first = await dieAt(2, "before");
  const [left] = await first.inner.unfinishedRuns();
  if (left?.plan === undefined) throw new Error("nothing was left");
  const again = { input: left.plan.input, attempts: 5 };
  await first.inner.append([
    {
      run: left.run,
      created: false,
      status: "queued",
      events: [],
      reservedSeq: left.reservedSeq,
      plan: again,
    },
  ]);
  const last = await startProcess(first.inner);
  expect(await last.runs.recover()).toEqual({ ended: 1, resumed: 0 });
  expect(transcriptOf(await last.inner.readTranscript(left.run.id))).toEqual(["user: Go."]);
});

describe("a background run whose process dies", () => {
  test.each(POINTS)("$when its write $at ends as if nothing had happened", async ({ at, when }) => {
    const first = await dieAt(at, when);
    const [left] = await first.inner.unfinishedRuns();
    // Before the first it was never acknowledged; after the sixth it may be over.
    if (at > 1 && at < 7) expect(left).toBeDefined();
    if (left === undefined) {
      // Its client was never told of it, or it was over before there were so many writes.
      const run = first.id && (await first.inner.findRun(first.id, OWNER));
      expect(run?.status ?? "unknown").toBe(first.id === undefined ? "unknown" : "completed");
      return;
    }
    const second = await startProcess(first.inner);
    const { id } = left.run;
    const events = await finish(second, id);
    const { status, items, usage } = fold(events);
    expect(status).toBe("completed");
    expect(items.filter((item) => item.status === "in_progress")).toEqual([]);
    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    // A write is made once; only when it had begun and its outcome was lost, the model is told so instead.
    const transcript = transcriptOf(await second.inner.readTranscript(id));
    const writes = [...first.effects, ...second.effects].filter((effect) => effect === "write");
    const isLost = transcript.some((line) => line.includes("outcome is unknown"));
    expect(writes.length).toBeLessThanOrEqual(1);
    expect(writes.length === 1 || isLost).toBe(true);
    const expected = isLost ? WHOLE.toSpliced(6, 1, transcript[6] ?? "") : WHOLE;
    expect(transcript).toEqual(expected);
    // What an answer cost is known once, whoever heard it.
    expect(usage).toMatchObject({ inputTokens: 30, outputTokens: 15 });
    // A call that may be repeated is repeated under its own id.
    const settles = new Set(
      [...first.effects, ...second.effects].filter((effect) => effect.startsWith("settle")),
    );
    expect(settles.size).toBe(1);
    expectNumbered(
      first.appends.flat().flatMap(({ events: stored }) => stored),
      events,
    );
    expect(await second.inner.unfinishedRuns()).toEqual([]);
    expect(await second.inner.findRun(id, OWNER)).toMatchObject({ status: "completed" });
  });

  test("a background run whose process dies is begun again a few times, then ends as interrupted", async () => {
    const first = await dieAt(5, "before");
    const id = first.id as RunId;
    let store = first.inner;
    for (let attempt = 2; attempt <= 5; attempt++) {
      const next = await startProcess(store);
      let writes = 0;
      // The attempt itself is counted, then this process dies, too.
      next.hooked.before = () => (++writes > 1 ? NEVER : undefined);
      expect(await next.runs.recover()).toEqual({ ended: 0, resumed: 1 });
      await settled(next);
      store = next.inner;
    }
    const last = await startProcess(store);
    expect(await last.runs.recover()).toEqual({ ended: 1, resumed: 0 });
    expect(await last.inner.findRun(id, OWNER)).toMatchObject({ status: "interrupted" });
    const events = await allEvents(last.inner, id);
    expect(events.at(-1)).toMatchObject({ type: "run.failed", error: { code: "server_restarted" } });
  });
});

/** No frame's number is used twice, before the crash and after it, and a replay gives each the number it had. */
function expectNumbered(before: readonly AgentEvent[], after: readonly AgentEvent[]): void {
  const created = after.find((event) => event.type === "run.created");
  if (created?.type !== "run.created") throw new Error("no run");
  const print = (events: readonly AgentEvent[]) => {
    const encoder = new ResponsesEncoder({
      run: created.run,
      toolItems: "mcp_call",
      cipher: createTextCipher("test"),
    });
    const text = encoder.open() + events.map((event) => encoder.push(event)).join("");
    const frames = framesOf(text).filter(({ data }) => data !== "[DONE]");
    return frames.map(({ data = "" }) => data);
  };
  const numbers = (frames: readonly string[]) =>
    frames.map((frame) => (JSON.parse(frame) as { sequence_number: number }).sequence_number);
  const [told, replayed] = [print(before), print(after)];
  expect(numbers(replayed)).toEqual([...new Set(numbers(replayed))].sort((a, b) => a - b));
  const restarted = after.find((event) => event.type === "step.restarted");
  const limit = restarted === undefined ? Number.POSITIVE_INFINITY : restarted.seq * 64;
  expect(Math.max(...numbers(told))).toBeLessThan(limit);
  // Nothing but the acknowledgement was told of a run that had not begun.
  if (restarted === undefined) return;
  const same = replayed.filter((_frame, i) => (numbers(replayed)[i] ?? 0) < limit);
  expect(told.slice(0, same.length)).toEqual(same);
}
