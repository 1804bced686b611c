import { expect, test } from "vitest";
import { createJsonTexts } from "../../../../../src/providers/protocols/shared/json-texts.ts";

test("the JSON of a text is right whether or not it was remembered, also beyond the number that is kept", () => {
  const jsonText = createJsonTexts();
  const texts = Array.from({ length: 100 }, (_, n) => `prompt "${n}"`);
  for (const text of [...texts, ...texts.slice(-5), ...texts])
    expect(jsonText(text)).toBe(JSON.stringify(text));
});
