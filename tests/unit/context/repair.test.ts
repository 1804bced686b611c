import { describe, expect, test } from "vitest";
import { repairTranscript } from "../../../src/context/repair.ts";
import { type ItemBody, joinText, textMessage } from "../../../src/domain/item.ts";

const user = (text: string) => textMessage("user", text);
const said = (text: string) => textMessage("assistant", text);

function call(callId: string): ItemBody {
  return { type: "function_call", call_id: callId, name: "now", arguments: "{}", executor: "server" };
}

function output(callId: string, text: string): ItemBody {
  return { type: "function_call_output", call_id: callId, name: "now", output: text, executor: "server" };
}

function thought(text: string): ItemBody {
  return { type: "reasoning", summary: [{ type: "summary_text", text }] };
}

/** Each item in one word. */
function short(items: readonly ItemBody[]): string {
  return repairTranscript(items)
    .map((item) => {
      if (item.type === "message") return joinText(item.content);
      if (item.type === "function_call") return `${item.call_id}()`;
      if (item.type === "function_call_output")
        return `${item.call_id}=${joinText(item.output).split(" ")[0]}`;
      return item.type === "reasoning" ? "…" : "[compaction]";
    })
    .join(" ");
}

describe("a repaired transcript", () => {
  test.each<[string, ItemBody[], string]>([
    ["without calls stays as it is", [user("a"), said("b"), thought("c")], "a b …"],
    [
      "has the results after the calls of their step",
      [call("1"), call("2"), output("2", "y"), output("1", "x")],
      "1() 2() 1=x 2=y",
    ],
    [
      "has what was said meanwhile after the results",
      [call("1"), user("hurry"), output("1", "x")],
      "1() 1=x hurry",
    ],
    ["has a result for every call", [user("a"), call("1"), user("b")], "a 1() 1=[The b"],
    ["has no result without a call", [user("a"), output("9", "x"), user("b")], "a b"],
    ["keeps steps apart", [call("1"), output("1", "x"), call("2"), output("2", "y")], "1() 1=x 2() 2=y"],
    [
      "keeps thinking between the calls of a step",
      [thought("a"), call("1"), thought("b"), call("2"), output("1", "x"), output("2", "y")],
      "… 1() … 2() 1=x 2=y",
    ],
    [
      "keeps text between the calls of a step",
      [said("a"), call("1"), said("b"), call("2"), output("1", "x"), output("2", "y")],
      "a 1() b 2() 1=x 2=y",
    ],
    [
      "gives each call its own result when an id comes again",
      [call("0"), output("0", "x"), user("again"), call("0"), output("0", "y")],
      "0() 0=x again 0() 0=y",
    ],
    [
      "does not take an old result for a call whose id comes again",
      [call("0"), output("0", "x"), user("again"), call("0")],
      "0() 0=x again 0() 0=[The",
    ],
    ["takes the last of two results", [call("1"), output("1", "x"), output("1", "y")], "1() 1=y"],
    [
      "begins with the latest compaction",
      [user("old"), call("1"), { type: "compaction", encrypted_content: "s" }, output("1", "x"), user("new")],
      "[compaction] new",
    ],
  ])("%s", (_, items, expected) => {
    expect(short(items)).toBe(expected);
  });
});
