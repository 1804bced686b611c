import { expect, test } from "vitest";
import type { EventBody } from "../../../../src/domain/event.ts";
import { RunsView } from "../../../../src/wire/runs/view.ts";
import { aRun, numbered, STARTED, saidItem } from "../../../helpers/stored.ts";

test("a text that a dead process had begun is told to be void, from its first event on", () => {
  const run = aRun();
  const cut = saidItem(run, 1, "", { status: "in_progress" });
  const said = saidItem(run, 1_000, "One two");
  const bodies: EventBody[] = [
    { type: "run.created", run, input: [] },
    STARTED,
    { type: "item.added", item: cut },
    { type: "item.delta", itemId: cut.id, channel: "text", delta: "One " },
    { type: "step.restarted", step: 1 },
    { type: "item.done", item: { ...cut, status: "incomplete", place: "internal" } },
    { type: "item.done", item: said },
    { type: "step.restarted", step: 2 },
  ];
  const view = new RunsView(run);
  const told = numbered(run, bodies).map((event) => view.take(event));
  expect(told.filter((fields) => fields !== undefined)).toEqual([
    { event: "message.delta", delta: "One " },
    { event: "run.restarted", discard_after: 2 },
    { event: "message.delta", delta: "One two" },
  ]);
});
