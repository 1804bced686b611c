import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CappedOutput } from "../../../src/sandbox/output.ts";

function kept(text: string, maxBytes: number, chunkBytes = 7): string {
  const output = new CappedOutput(maxBytes);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += chunkBytes) output.add(bytes.subarray(at, at + chunkBytes));
  return output.text();
}

describe("CappedOutput", () => {
  it("CappedOutput gives back output up to its size unchanged, wherever chunks cut it", () => {
    const property = fc.property(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      (text, chunk) => {
        expect(kept(text, 1_000, chunk)).toBe(Buffer.from(text).toString());
        expect(kept(text, Buffer.byteLength(text), chunk)).toBe(Buffer.from(text).toString());
      },
    );
    fc.assert(property);
  });

  it("CappedOutput keeps the head and the tail of longer output and counts the rest", () => {
    const text = Array.from({ length: 1_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join("");
    for (const chunk of [1, 3, 64, 999, 1_000]) {
      expect(kept(text, 100, chunk)).toBe(
        `${text.slice(0, 60)}\n[... 900 bytes left out ...]\n${text.slice(-40)}`,
      );
    }
  });

  it("CappedOutput breaks no character where it cuts", () => {
    const property = fc.property(
      fc.array(fc.constantFrom("a", "é", "世", "😀"), { minLength: 50, maxLength: 90 }),
      fc.integer({ min: 10, max: 40 }),
      (chars, size) => {
        expect(kept(chars.join(""), size)).not.toContain("\ufffd");
      },
    );
    fc.assert(property);
  });

  it("CappedOutput shows bytes that are no UTF-8 as U+FFFD", () => {
    const output = new CappedOutput(100);
    output.add(Buffer.from([0x61, 0xff, 0x62]));
    expect(output.text()).toBe("a\ufffdb");
  });
});
