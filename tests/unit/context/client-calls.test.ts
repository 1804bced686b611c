import { describe, expect, test } from "vitest";
import { checkClientCalls, isCut, restoreClientRuns } from "../../../src/context/client-calls.ts";
import { callId } from "../../../src/domain/id.ts";
import { type Item, type ItemBody, textMessage } from "../../../src/domain/item.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import {
  aRun,
  COMPLETED,
  itemOf,
  numbered,
  OWNER,
  saidItem,
  transcriptOf,
  writeOf,
} from "../../helpers/stored.ts";

const user = (text: string) => textMessage("user", text);
const said = (text: string) => textMessage("assistant", text);

function called(id: string, executor: "server" | "client" = "client", name = "weather"): ItemBody {
  return { type: "function_call", call_id: id, name, arguments: "{}", executor };
}

function result(id: string, output: string, executor: "server" | "client" = "client"): ItemBody {
  return { type: "function_call_output", call_id: id, name: "", output, executor };
}

/** A stored run that thought, used a tool of ours and then asked its client for two calls. */
async function storedRun(owner = OWNER, ending: Partial<Item> = {}) {
  const { store } = await hookedStore();
  const run = aRun({ owner });
  const ours = callId(run.id, 3);
  const [first, second] = [callId(run.id, 4), callId(run.id, 5)];
  const items = [
    itemOf(run, 1, { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }] }),
    saidItem(run, 2, "Let me see."),
    itemOf(run, 3, called(ours, "server", "terminal")),
    itemOf(run, 4, called(first)),
    itemOf(run, 5, called(second)),
    itemOf(run, 6, result(ours, "ours", "server"), ending),
    itemOf(run, 7, user("for the model only"), { place: "internal" }),
  ];
  const bodies = items.map((item) => ({ type: "item.done" as const, item }));
  await store.append([
    writeOf(run, numbered(run, [{ type: "run.created", run, input: [] }, ...bodies, COMPLETED])),
  ]);
  const restore = (sent: ItemBody[], asker = OWNER) => restoreClientRuns(sent, asker, store);
  return { restore, first, second };
}

const WHOLE = [
  "user: Weather?",
  "reasoning",
  "assistant: Let me see.",
  "call terminal",
  "call weather",
  "call weather",
  "result ours",
  "result sun",
  "result rain",
];

describe("the calls that a stateless client sends back", () => {
  test("bring back what their run did besides, in their place", async () => {
    const { restore, first, second } = await storedRun();
    const sent = [
      user("Weather?"),
      said("Let me see."),
      called(first),
      called(second),
      result(first, "sun"),
      result(second, "rain"),
      user("And now?"),
    ];
    expect(transcriptOf(await restore(sent))).toEqual([...WHOLE, "user: And now?"]);
  });

  test("the calls that a stateless client sends back do so once, when the client sends back the server's calls and the thinking as well", async () => {
    const { restore, first, second } = await storedRun();
    const sent: ItemBody[] = [
      user("Weather?"),
      { type: "reasoning", summary: [] },
      said("Let me see."),
      called("mcp_1", "server", "terminal"),
      result("mcp_1", "ours", "server"),
      called(first),
      called(second),
      result(first, "sun"),
      result(second, "rain"),
    ];
    expect(transcriptOf(await restore(sent))).toEqual(WHOLE);
  });

  test("the calls that a stateless client sends back do so when the client left the text before them out", async () => {
    const { restore, first, second } = await storedRun();
    const sent = [
      user("Weather?"),
      called(first),
      called(second),
      result(first, "sun"),
      result(second, "rain"),
    ];
    expect(transcriptOf(await restore(sent))).toEqual(WHOLE);
  });

  test("the calls that a stateless client sends back do not bring back the half of a result that was cut", async () => {
    const { restore, first, second } = await storedRun(OWNER, { status: "incomplete" });
    const sent = [called(first), called(second), result(first, "sun"), result(second, "rain")];
    expect(transcriptOf(await restore(sent))).toEqual(
      WHOLE.slice(1).filter((line) => line !== "result ours"),
    );
  });

  test("the calls that a stateless client sends back are no more than what the client says when they are somebody else's", async () => {
    const { restore, first, second } = await storedRun("somebody else");
    const sent = [
      user("Weather?"),
      called(first),
      called(second),
      result(first, "sun"),
      result(second, "rain"),
    ];
    expect(await restore(sent)).toEqual(sent);
  });

  test.each([
    ["the client's own ids", "call_1"],
    ["ids of a run that is gone", callId(aRun().id, 4)],
  ])("stay as they are with %s", async (_, id) => {
    const { restore } = await storedRun();
    const sent = [
      user("Weather?"),
      said("Well."),
      called(id),
      result(id, "sun"),
      said("Sunny."),
      user("And?"),
    ];
    expect(await restore(sent)).toEqual(sent);
  });

  test("leave what others said alone", async () => {
    const { restore, first, second } = await storedRun();
    const sent = [
      said("Earlier."),
      user("Weather?"),
      called(first),
      called(second),
      result(first, "sun"),
      result(second, "rain"),
      said("Sunny."),
    ];
    expect(transcriptOf(await restore(sent))).toEqual(["assistant: Earlier.", ...WHOLE, "assistant: Sunny."]);
  });
});

describe("client calls and their results", () => {
  const whole = async () => false;

  test("client calls and their results that belong together are taken", async () => {
    const items = [called("a"), called("b"), result("b", "x"), result("a", "y"), called("c", "server")];
    await expect(checkClientCalls(items, { param: "messages", isCut: whole })).resolves.toBeUndefined();
  });

  test.each<[string, ItemBody[], string, string]>([
    ["a result without a call", [user("x"), result("call_9", "x")], "unknown_tool_call", "call_9"],
    ["a result before its call", [result("call_9", "x"), called("call_9")], "unknown_tool_call", "call_9"],
    ["a call without a result", [called("call_8"), user("x")], "missing_tool_output", "call_8"],
    ["one of two calls without", [called("a"), called("b"), result("a", "x")], "missing_tool_output", "b"],
  ])("%s is refused by its id", async (_, items, code, id) => {
    await expect(checkClientCalls(items, { param: "messages", isCut: whole })).rejects.toMatchObject({
      failure: { code, param: "messages", message: expect.stringContaining(id) },
    });
  });

  test("client calls and their results are named in an error of bounded length, however many miss their results", async () => {
    const items = Array.from({ length: 10_000 }, (_, n) => called(`call_${n}`));
    const refusal = await checkClientCalls(items, { param: "messages", isCut: whole }).catch(
      (error: Error) => error.message,
    );
    expect(refusal).toBe("No tool output was sent for call_0, call_1, call_2, call_3, call_4 and 9995 more.");
  });

  test("client calls and their results of a run that was cut need no result, those of others do", async () => {
    const [cut, other] = [aRun(), aRun()];
    const isCut = async (id: string) => id === cut.id;
    await expect(
      checkClientCalls([called(callId(cut.id, 1))], { param: "messages", isCut }),
    ).resolves.toBeUndefined();
    const both = [called(callId(cut.id, 1)), called(callId(other.id, 1))];
    const refusal = await checkClientCalls(both, { param: "messages", isCut }).catch(
      (error: Error) => error.message,
    );
    expect(refusal).toContain(other.id.slice(4));
    expect(refusal).not.toContain(cut.id.slice(4));
  });
});

test.each([
  ["completed", false],
  ["failed", true],
  ["cancelled", true],
  ["interrupted", true],
  ["running", false],
] as const)("a run that is %s was cut: %s", async (status, expected) => {
  const { inner } = await hookedStore();
  const run = aRun();
  const terms = status === "running" ? {} : { endedAt: 5_000 };
  const created = numbered(run, [{ type: "run.created", run, input: [] }]);
  await inner.append([writeOf(run, created, { status, ...terms })]);
  expect(await isCut(inner, run.id, OWNER)).toBe(expected);
});
