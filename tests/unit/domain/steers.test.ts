import { expect, test } from "vitest";
import type { EventBody } from "../../../src/domain/event.ts";
import { textMessage } from "../../../src/domain/item.ts";
import { unusedSteers } from "../../../src/domain/steers.ts";
import { aRun, itemOf, numbered } from "../../helpers/stored.ts";

const run = aRun();

const given = (text: string): EventBody => ({ type: "run.steered", text });
const read = (n: number, text: string): EventBody => ({
  type: "item.done",
  item: itemOf(run, n, { ...textMessage("user", text), origin: "steer" }, { place: "input" }),
});

test("words that no model has read are those after as many as it has", () => {
  expect(unusedSteers([])).toEqual([]);
  const events = numbered(run, [given("a"), given("b"), read(1, "a"), given("c")]);
  expect(unusedSteers(events)).toEqual(["b", "c"]);
  expect(unusedSteers(numbered(run, [given("a"), read(1, "a")]))).toEqual([]);
});
