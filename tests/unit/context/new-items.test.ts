import { describe, expect, test } from "vitest";
import { isReadable, newItems } from "../../../src/context/new-items.ts";
import { callId, type RunId } from "../../../src/domain/id.ts";
import { type Item, type ItemBody, textMessage } from "../../../src/domain/item.ts";
import { aRun, itemOf, saidItem, transcriptOf, userItem } from "../../helpers/stored.ts";

const user = (text: string) => textMessage("user", text);
const said = (text: string) => textMessage("assistant", text);

/** A call and its result; by its run's own id when a run is given, else by a client's. */
function callOf(id: string, executor: "server" | "client"): ItemBody {
  return { type: "function_call", call_id: id, name: id.slice(-6), arguments: "{}", executor };
}

function resultOf(id: string, executor: "server" | "client"): ItemBody {
  return { type: "function_call_output", call_id: id, name: "", output: id.slice(-6), executor };
}

/** What is stored of a run that was asked and did the rest. */
function turn(question: string, ...bodies: ((run: { id: RunId }) => ItemBody)[]): Item[] {
  const run = aRun();
  return [userItem(run, 0, question), ...bodies.map((body, i) => itemOf(run, i + 1, body(run)))];
}

const answer = (text: string) => () => said(text);
const serverCall = (n: number) => (run: { id: RunId }) => callOf(callId(run.id, n), "server");
const serverResult = (n: number) => (run: { id: RunId }) => resultOf(callId(run.id, n), "server");
const clientCall = (n: number) => (run: { id: RunId }) => callOf(callId(run.id, n), "client");

describe("what of a client's messages is new to a session", () => {
  const asked = [...turn("1?", answer("1!")), ...turn("2?", answer("2!"))];

  test.each<[string, ItemBody[], Item[], string[]]>([
    ["all, when it is empty", [user("a"), said("b"), user("c")], [], ["user: a", "assistant: b", "user: c"]],
    ["the question alone", [user("3?")], asked, ["user: 3?"]],
    [
      "what follows its last message, when the whole history is sent",
      [user("1?"), said("1!"), user("2?"), said("2!"), user("3?"), user("and?")],
      asked,
      ["user: 3?", "user: and?"],
    ],
    ["what follows, when the beginning was left out", [said("2!"), user("3?")], asked, ["user: 3?"]],
    [
      "what others answered in between, too",
      [user("1?"), said("1!"), user("2?"), said("2!"), user("x?"), said("another model's"), user("3?")],
      asked,
      ["user: x?", "assistant: another model's", "user: 3?"],
    ],
    [
      "the last question, when the client shows answers in another way",
      [user("1?"), said("1 !"), user("2?"), said("2 !"), user("3?")],
      asked,
      ["user: 3?"],
    ],
    ["nothing, when a history without a question is sent", [user("2?"), said("2!")], asked, []],
    [
      "a question that is asked again after it was answered",
      [user("2?"), said("2!"), user("2?")],
      asked,
      ["user: 2?"],
    ],
    ["a question that is asked again, alone", [user("2?")], asked, ["user: 2?"]],
    [
      "not again what came before an answer that the client did not get",
      [user("1?"), said("ok"), user("2?"), said("fine"), user("3?"), user("4?")],
      [...turn("1?", answer("ok")), ...turn("2?", answer("fine")), ...turn("3?", answer("ok"))],
      ["user: 4?"],
    ],
    [
      "what follows the last of several equal answers",
      [user("1?"), said("ok"), user("2?"), said("ok"), user("3?")],
      [...turn("1?", answer("ok")), ...turn("2?", answer("ok"))],
      ["user: 3?"],
    ],
    [
      "what follows the texts of all steps, which a client has as one",
      [user("1?"), said("Let me look.\n\nDone."), user("2?")],
      turn("1?", answer("Let me look."), serverCall(2), serverResult(2), answer("Done.")),
      ["user: 2?"],
    ],
  ])("%s", (_, sent, stored, expected) => {
    expect(transcriptOf(newItems(sent, stored))).toEqual(expected);
  });

  test("nothing, when a question without an answer is sent again, alone or at the end", () => {
    const stored = [...turn("1?", answer("1!")), ...turn("2?")];
    expect(newItems([user("2?")], stored)).toEqual([]);
    expect(newItems([user("1?"), said("1!"), user("2?")], stored)).toEqual([]);
    expect(transcriptOf(newItems([user("2? please")], stored))).toEqual(["user: 2? please"]);
    expect(transcriptOf(newItems([user("2?"), user("3?")], stored))).toEqual(["user: 3?"]);
  });

  test("nothing, when the run of a question failed after it had used tools", () => {
    const stored = turn("1?", answer("Let me look."), serverCall(2), serverResult(2));
    expect(newItems([user("1?")], stored)).toEqual([]);
  });

  test("another picture with the same words", () => {
    const show = (image_url: string): ItemBody => ({
      type: "message",
      role: "user",
      content: [
        { type: "input_text", text: "What is it?" },
        { type: "input_image", image_url },
      ],
    });
    const run = aRun();
    const stored = [itemOf(run, 0, show("https://a.example/1.png"), { place: "input" })];
    expect(newItems([show("https://a.example/1.png")], stored)).toEqual([]);
    expect(newItems([show("https://a.example/2.png")], stored)).toHaveLength(1);
  });

  test("the results of its calls, in whatever order the calls and results are sent", () => {
    const stored = turn("1?", answer("I need you."), clientCall(2), clientCall(3));
    const [one, two] = stored.flatMap((item) => (item.type === "function_call" ? item.call_id : []));
    const calls = [callOf(one ?? "", "client"), callOf(two ?? "", "client")];
    const results = [resultOf(one ?? "", "client"), resultOf(two ?? "", "client")];
    const before = [user("1?"), said("I need you.")];
    expect(newItems([...before, ...calls, ...results], stored)).toEqual(results);
    expect(newItems([...before, ...calls.toReversed(), ...results.toReversed()], stored)).toEqual(
      results.toReversed(),
    );
    expect(newItems(results, stored)).toEqual(results);
    // The run that got them failed: they are there already.
    const run = aRun();
    const kept = [...stored, ...results.map((body, n) => itemOf(run, n, body, { place: "input" }))];
    expect(newItems([...before, ...calls, ...results], kept)).toEqual([]);
    expect(newItems([...before, ...calls, ...results.toReversed()], kept)).toEqual([]);
  });
});

describe("what the next run of a session reads", () => {
  test("what the next run of a session reads has the words of a step that was cut, and none of its calls", () => {
    const run = aRun();
    const cut = { status: "incomplete" } as const;
    const stored = [
      userItem(run, 0, "a?"),
      itemOf(run, 1, { type: "reasoning", summary: [] }, cut),
      saidItem(run, 2, "I thi", cut),
      itemOf(run, 3, callOf(callId(run.id, 3), "client"), cut),
      itemOf(run, 4, callOf(callId(run.id, 4), "server"), cut),
    ];
    expect(transcriptOf(stored.filter(isReadable))).toEqual(["user: a?", "assistant: I thi"]);
    // A process that died could not even close them.
    const open = stored.map(
      (item): Item => (item.place === "output" ? { ...item, status: "in_progress" } : item),
    );
    expect(transcriptOf(open.filter(isReadable))).toEqual(["user: a?", "assistant: I thi"]);
  });

  test("what the next run of a session reads has no result that was cut: its outcome is unknown", () => {
    const run = aRun();
    const stored = [
      itemOf(run, 1, callOf(callId(run.id, 1), "server")),
      itemOf(run, 2, resultOf(callId(run.id, 1), "server"), { status: "incomplete" }),
    ];
    expect(stored.filter(isReadable)).toEqual(stored.slice(0, 1));
  });
});
