import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import { SessionEncoder } from "../../../../../src/wire/hermes/sessions/encode.ts";
import { completed, item, logOf, RUN, serverCall, told, USAGE } from "../../../../helpers/chat-run.ts";
import { sessionEvents } from "../../../../helpers/sessions-app.ts";

const RUNTIME = { provider: "fake", model: "fake-1", route_source: "default" };

function encoder() {
  return new SessionEncoder({ run: RUN, session: "s", message: "Hello?", runtime: RUNTIME });
}

function streamed(bodies: readonly EventBody[]) {
  const encode = encoder();
  const text =
    encode.open() +
    logOf(bodies)
      .map((event) => encode.push(event))
      .join("");
  return { text, events: sessionEvents(text) };
}

const words = fc.string({ unit: "binary" });
const message = fc
  .tuple(words, fc.boolean(), fc.boolean())
  .map(([text, isTold, isCut]) =>
    told(
      item(
        "message",
        { role: "assistant", content: text === "" ? [] : [{ type: "output_text", text }] },
        isCut ? { status: "incomplete" } : {},
      ),
      "text",
      ...(isTold && text !== "" ? [text] : []),
    ),
  );
const thought = words.map((text) =>
  told(item("reasoning", { summary: [{ type: "summary_text", text }] }), "reasoning", text),
);
const ownCall = fc.boolean().map((isError) => serverCall("terminal", isError));
const news = fc.constantFrom<EventBody>(
  { type: "run.started" },
  { type: "step.started", step: 1 },
  { type: "run.steered", text: "Be brief." },
  { type: "run.status", kind: "retry", text: "again" },
  { type: "step.restarted", step: 1 },
);
const failure = { code: "upstream_error", message: "It failed." } as const;
const end = fc.constantFrom<EventBody>(
  completed(),
  completed("length"),
  { type: "run.failed", error: failure, usage: USAGE, steps: 1 },
  { type: "run.cancelled", reason: "stopped", usage: USAGE, steps: 1 },
  { type: "run.suspended" },
);
const turn = fc
  .tuple(
    fc.array(
      fc.oneof(
        message,
        thought,
        ownCall,
        news.map((event) => [event]),
      ),
      { maxLength: 8 },
    ),
    end,
  )
  .map(([parts, last]) => [...parts.flat(), last]);

/** How a stream may end before `done`. */
const OUTCOMES = ["run.completed", "run.cancelled", "run.suspended", "error", "run.failed,error"];

describe("the frames of any turn", () => {
  test("the frames of any turn are numbered, are about one run, end with what came of it and done, and add up to its text", () => {
    fc.assert(
      fc.property(turn, (bodies) => {
        const { events, text } = streamed(bodies);
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
        for (const { session_id, run_id } of events) expect([session_id, run_id]).toEqual(["s", RUN.id]);
        expect(events.at(0)?.event).toBe("run.started");
        expect(events.filter(({ event }) => event === "done")).toHaveLength(1);
        expect(events.at(-1)?.event).toBe("done");
        const names = events.map(({ event }) => event);
        const outcome = names.filter((name) => OUTCOMES.join().split(",").includes(name));
        expect(OUTCOMES).toContain(outcome.join());
        expect(names.slice(-1 - outcome.length, -1)).toEqual(outcome);
        const said = events
          .flatMap(({ event, delta }) => (event === "assistant.delta" ? [delta] : []))
          .join("");
        const whole = events.find(({ event }) => event === "assistant.completed");
        if (whole !== undefined) expect(whole["content"]).toBe(said);
        for (const line of text.split("\n")) expect(line).toMatch(/^(event: [\w.]+|data: \{.*\}|)$/);
      }),
    );
  });

  test("say what the whole answer says", () => {
    fc.assert(
      fc.property(turn, (bodies) => {
        const last = bodies.at(-1);
        fc.pre(last?.type !== "run.suspended");
        const whole = encoder();
        for (const event of logOf(bodies)) whole.read(event);
        const answer = whole.answer();
        const { events } = streamed(bodies);
        if (last?.type !== "run.completed") {
          expect(answer).toHaveProperty("failure");
          return;
        }
        const body = JSON.parse((answer as { body: string }).body);
        const outcome = events.find(({ event }) => event === "run.completed");
        expect(body.message.content).toBe(
          events.find(({ event }) => event === "assistant.completed")?.["content"],
        );
        for (const key of ["usage", "completed", "partial", "turn_exit_reason", "runtime"])
          expect(body[key]).toEqual(outcome?.[key]);
      }),
    );
  });
});

describe("a turn that the next process goes on with", () => {
  test("a turn that the next process goes on with says so, and ends its stream", () => {
    const { events } = streamed([{ type: "run.started" }, { type: "run.suspended" }]);
    expect(events.map(({ event }) => event)).toEqual([
      "run.started",
      "message.started",
      "run.suspended",
      "done",
    ]);
  });
});
