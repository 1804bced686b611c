import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../src/lib/json.ts";

/** The same value with the keys of all of its objects in another order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, part]) => [key, reversed(part)]),
  );
}

describe("canonical JSON", () => {
  test("canonical JSON says the same as JSON, whatever the order of the keys", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(JSON.parse(JSON.stringify(value))))).toBe(text);
      }),
    );
  });

  test("canonical JSON tells different values apart", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isSame = canonicalJson(a) === canonicalJson(b);
        const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
        if (isSame) expect(plain(a)).toEqual(plain(b));
      }),
    );
  });

  test("canonical JSON of a key that begins or continues another one, or looks like a number, is in order", () => {
    expect(canonicalJson({ b: 1, "a,": 2, a: [{ d: 1, c: 2 }], ab: 3 })).toBe(
      '{"a":[{"c":2,"d":1}],"a,":2,"ab":3,"b":1}',
    );
    expect(canonicalJson({ z: 0, 10: 1, 9: 2 })).toBe(canonicalJson({ 9: 2, z: 0, 10: 1 }));
  });
});
