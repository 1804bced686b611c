import { expect, test } from "vitest";
import type { EventBody } from "../../../../../src/domain/event.ts";
import type { Item } from "../../../../../src/domain/item.ts";
import { RunsView } from "../../../../../src/wire/hermes/runs/view.ts";
import { aRun, itemOf, numbered, STARTED, saidItem } from "../../../../helpers/stored.ts";

test("a text that a dead process had begun is told to be void, from its first event on, and a call that goes on is not", () => {
  const run = aRun();
  const cut = saidItem(run, 1, "", { status: "in_progress" });
  const result = itemOf(
    run,
    2,
    { type: "function_call_output", call_id: "c", name: "t", output: "", executor: "server" },
    { status: "in_progress" },
  );
  const bodies: EventBody[] = [
    { type: "run.created", run, input: [] },
    STARTED,
    { type: "item.added", item: cut },
    { type: "item.delta", itemId: cut.id, channel: "text", delta: "One " },
    { type: "item.added", item: result },
    { type: "step.restarted", step: 1 },
    { type: "item.done", item: { ...cut, status: "incomplete", place: "internal" } },
    { type: "item.done", item: { ...result, status: "completed" } as Item },
    { type: "item.done", item: saidItem(run, 1_000, "One two") },
    { type: "step.restarted", step: 2 },
  ];
  const view = new RunsView(run);
  const told = numbered(run, bodies).flatMap((event) => view.take(event) ?? []);
  expect(told.map(({ event, ...fields }) => [event, fields["discard_after"]])).toEqual([
    ["message.delta", undefined],
    ["tool.started", undefined],
    ["run.restarted", 2],
    ["tool.completed", undefined],
    ["message.delta", undefined],
  ]);
});
