import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonCount, MAX_KEYS, MAX_LEVELS, MAX_VALUES } from "../../../src/http/json-count.ts";

/** What there is of a value, counted on the value itself. */
function counted(value: unknown): { values: number; levels: number; keys: number } {
  if (typeof value !== "object" || value === null) return { values: 0, levels: 0, keys: 0 };
  const inner = Object.values(value).map(counted);
  const own = Math.max(1, inner.length);
  return {
    values: inner.reduce((sum, { values }) => sum + values, own),
    levels: 1 + Math.max(0, ...inner.map(({ levels }) => levels)),
    keys: Math.max(Array.isArray(value) ? 0 : inner.length, ...inner.map(({ keys }) => keys)),
  };
}

/** The count of a text that comes in pieces of these lengths, over and over. */
function countOf(text: string, lengths: readonly number[] = [text.length + 1]): JsonCount {
  const bytes = Buffer.from(text);
  const count = new JsonCount();
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (lengths[n % lengths.length] ?? 1);
    count.add(bytes.subarray(at, end));
    at = end;
  }
  return count;
}

const awkward = fc.constantFrom('"', "\\", '\\"', "[{,", ":", "}]", "\\\\", "ü", "👋", "\u0000", "\ud800");
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(awkward).map((parts) => parts.join("")),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
})).value;
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
const space = fc.constantFrom("", " ", "\n\t");

test("the count of a text is that of its value, wherever the pieces in which it comes are cut", () => {
  fc.assert(
    fc.property(json, space, lengths, (value, indent, cuts) => {
      const { values, levels, keys } = countOf(JSON.stringify(value, null, indent), cuts);
      expect({ values, levels, keys }).toEqual(counted(JSON.parse(JSON.stringify(value))));
    }),
    { numRuns: 2_000 },
  );
});

test("a text that is no JSON is counted to its end, whatever it is", () => {
  fc.assert(
    fc.property(fc.array(awkward), lengths, (parts, cuts) => {
      const all = countOf(parts.join(""));
      const cut = countOf(parts.join(""), cuts);
      expect([cut.values, cut.levels, cut.keys]).toEqual([all.values, all.levels, all.keys]);
    }),
  );
});

test.each([
  ["as many values as there may be", `[${"0,".repeat(MAX_VALUES - 1)}0]`, undefined],
  ["one value more", `[${"0,".repeat(MAX_VALUES)}0]`, "holds more than 100000 values"],
  ["as many lists", `[${"[],".repeat(MAX_VALUES / 2 - 1)}[]]`, undefined],
  ["more members of objects", `{"a":[${'{"a":0},'.repeat(MAX_VALUES)}0]}`, "holds more than 100000 values"],
  ["as many keys as one object may have", `{${'"a":0,'.repeat(MAX_KEYS - 1)}"a":0}`, undefined],
  ["one key more", `[{${'"a":{},'.repeat(MAX_KEYS)}"a":0}]`, "holds an object of more than 5000 keys"],
  ["as many keys in several objects", `[${`{${'"a":0,'.repeat(3_000)}"a":0},`.repeat(3)}0]`, undefined],
  ["as many levels as there may be", "[".repeat(MAX_LEVELS) + "]".repeat(MAX_LEVELS), undefined],
  ["one level more", '{"a":'.repeat(MAX_LEVELS + 1), "is nested deeper than 128 levels"],
  ["all of it in a string", JSON.stringify("[{,".repeat(MAX_VALUES)), undefined],
])("a text with %s is refused if that is too much", (_name, text, refusal) => {
  const { message } = countOf(text).refusal ?? {};
  if (refusal === undefined) expect(message).toBeUndefined();
  else expect(message).toContain(refusal);
});
