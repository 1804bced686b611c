import { describe, expect, it } from "vitest";
import { truncated } from "../../../src/context/fit.ts";
import { type ItemBody, textMessage } from "../../../src/domain/item.ts";

const LONG = "x".repeat(3_000);
const call = (id: string): ItemBody => ({
  type: "function_call",
  call_id: id,
  name: "f",
  arguments: "{}",
  executor: "server",
});
const result = (id: string): ItemBody => ({
  type: "function_call_output",
  call_id: id,
  name: "f",
  output: LONG,
  executor: "server",
});

describe("a transcript that is too long", () => {
  it("a transcript that is too long stays as it is when it fits", () => {
    const items = [textMessage("user", LONG)];
    expect(truncated(items, 2_000)).toBe(items);
  });

  it("a transcript that is too long loses calls together with their results, the oldest first", () => {
    const question = textMessage("user", "Why?");
    const items = [question, call("a"), call("b"), result("a"), result("b"), call("c"), result("c")];
    expect(truncated(items, 1_500)).toEqual([question, call("c"), result("c")]);
  });

  it("a transcript that is too long keeps its compaction and the last message of a user, however little room there is", () => {
    const compaction: ItemBody = { type: "compaction", encrypted_content: LONG };
    const last = textMessage("user", LONG);
    const items = [compaction, textMessage("user", "Old."), textMessage("assistant", "Old."), last];
    expect(truncated(items, 0)).toEqual([compaction, last]);
  });

  it("a transcript that is too long loses no more than it must", () => {
    const items = Array.from({ length: 10 }, () => textMessage("user", LONG));
    expect(truncated(items, 5_100)).toHaveLength(5);
  });
});
