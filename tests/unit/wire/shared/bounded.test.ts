import { expect, test } from "vitest";
import { z } from "zod";
import { list, pairs } from "../../../../src/wire/shared/bounded.ts";

/** A schema of entries that knows how many were looked at. */
function counting() {
  let looked = 0;
  const entry = z.unknown().refine((value) => {
    looked++;
    return typeof value === "string";
  }, "is no text");
  return { entry, looked: () => looked };
}

test("a list is read as zod reads an array, up to as many entries as it may have", () => {
  const schema = z.object({ names: list(z.string().transform(Number), 3).min(1, "is empty") });
  expect(schema.parse({ names: ["1", "2", "3"] })).toEqual({ names: [1, 2, 3] });
  expect(schema.safeParse({ names: [] }).error?.issues).toMatchObject([
    { path: ["names"], message: "is empty" },
  ]);
  expect(schema.safeParse({ names: "1" }).error?.issues).toMatchObject([
    { code: "invalid_type", expected: "array", path: ["names"] },
  ]);
});

test("a list that is too long is refused before any of its entries is looked at", () => {
  const { entry, looked } = counting();
  const { error } = list(entry, 2, "has more than 2 names").safeParse([1, 2, 3]);
  expect(error?.issues).toMatchObject([{ code: "too_big", path: [], message: "has more than 2 names" }]);
  expect(looked()).toBe(0);
});

test("the first entry of a list that is wrong is the only one that is told of, and the last one looked at", () => {
  const { entry, looked } = counting();
  const { error } = list(entry, 10).safeParse(["a", 1, 2, 3]);
  expect(error?.issues).toMatchObject([{ path: [1], message: "is no text" }]);
  expect(looked()).toBe(2);
});

test("a list within one of several kinds is read like any other", () => {
  const schema = list(z.union([z.string(), list(z.number(), 2)]), 2);
  expect(schema.parse(["a", [1, 2]])).toEqual(["a", [1, 2]]);
  expect(schema.safeParse([[1, 2, 3]]).success).toBe(false);
  expect(schema.safeParse([["a"]]).success).toBe(false);
});

test("an object of any names is read as zod reads a record, up to as many pairs as it may have", () => {
  const schema = z.object({ pairs: pairs(z.string().max(3, "is too long"), z.int(), 2) });
  expect(schema.parse({ pairs: { a: 1, b: 2 } })).toEqual({ pairs: { a: 1, b: 2 } });
  expect(schema.safeParse({ pairs: { long_name: 1 } }).success).toBe(false);
  expect(schema.safeParse({ pairs: { a: "1" } }).error?.issues).toMatchObject([{ path: ["pairs", "a"] }]);
  expect(schema.safeParse({ pairs: [] }).success).toBe(false);
  expect(schema.safeParse({}).success).toBe(false);
});

test("an object with too many pairs is refused before any of them is looked at", () => {
  const { entry, looked } = counting();
  const { error } = pairs(z.string(), entry, 2).safeParse({ a: 1, b: 2, c: 3 });
  expect(error?.issues).toMatchObject([{ path: [], message: "has more than 2 pairs" }]);
  expect(looked()).toBe(0);
});
