import fc from "fast-check";
import { expect, test } from "vitest";
import { packSummary, readSummary } from "../../../src/domain/compaction.ts";

test("a summary comes back as it was packed, and is not readable before", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "binary" }), (text) => {
      expect(readSummary(packSummary(text))).toBe(text.toWellFormed());
    }),
  );
  expect(packSummary("Ann likes tea")).not.toContain("Ann");
});

test("whatever else is said to be one is none, and never an error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readSummary(text)).toBeUndefined();
    }),
  );
  expect(readSummary(`${packSummary("Ann likes tea")}!`)).toBeUndefined();
});
