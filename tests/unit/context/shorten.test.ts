import { expect, test } from "vitest";
import { shortenOutputs } from "../../../src/context/shorten.ts";
import type { Item, Part } from "../../../src/domain/item.ts";

const result = (output: string | Part[]): Item => ({
  id: "fco_1",
  type: "function_call_output",
  status: "completed",
  place: "output",
  call_id: "call_1",
  name: "look",
  executor: "server",
  output,
});
const image: Part = { type: "input_image", image_url: `data:image/png;base64,${"A".repeat(1_000)}` };
const text = (words: string): Part => ({ type: "input_text", text: words });

test.each<[string | Part[], string | Part[]]>([
  ["x".repeat(100), "x".repeat(100)],
  ["x".repeat(101), `${"x".repeat(60)}\n[... 1 characters left out ...]\n${"x".repeat(40)}`],
  [
    [text("a".repeat(40)), image, text("b".repeat(60))],
    [text("a".repeat(40)), image, text("b".repeat(60))],
  ],
  [
    [text("a".repeat(50)), image, text("b".repeat(150))],
    [
      text(`${"a".repeat(15)}\n[... 25 characters left out ...]\n${"a".repeat(10)}`),
      image,
      text(`${"b".repeat(45)}\n[... 75 characters left out ...]\n${"b".repeat(30)}`),
    ],
  ],
])("the texts of an old output share the limit, and its images stay (%#)", (output, expected) => {
  expect(shortenOutputs([result(output)], 100)).toEqual([result(expected)]);
});

test("without a limit old outputs stay as they are", () => {
  const items = [result([text("a".repeat(1_000))])];
  expect(shortenOutputs(items, 0)).toBe(items);
});
