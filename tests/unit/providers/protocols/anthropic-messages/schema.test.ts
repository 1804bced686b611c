import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../../src/lib/json.ts";
import { closeSchema } from "../../../../../src/providers/protocols/anthropic-messages/schema.ts";

describe("closed schemas", () => {
  test("every object of a schema is closed, at any depth", () => {
    const point = { type: "object", properties: { x: { type: "number" } } };
    const closed = { ...point, additionalProperties: false };
    expect(
      closeSchema({
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        required: ["list"],
        properties: { list: { type: "array", items: point }, either: { anyOf: [point, { type: "null" }] } },
        $defs: { point },
      }),
    ).toEqual({
      type: "object",
      required: ["list"],
      properties: { list: { type: "array", items: closed }, either: { anyOf: [closed, { type: "null" }] } },
      $defs: { point: closed },
      additionalProperties: false,
    });
  });

  test.each<[string, JsonObject, JsonObject]>([
    [
      "a length",
      { type: "string", minLength: 2, maxLength: 3 },
      { type: "string", description: '{"minLength":2,"maxLength":3}' },
    ],
    [
      "a pattern",
      { type: "string", description: "A code.", pattern: "^A" },
      { type: "string", description: 'A code.\n\n{"pattern":"^A"}' },
    ],
    [
      "an unknown format",
      { type: "string", format: "color" },
      { type: "string", description: '{"format":"color"}' },
    ],
    [
      "a minimum of two items",
      { type: "array", minItems: 2 },
      { type: "array", description: '{"minItems":2}' },
    ],
  ])("%s moves into the description", (_, schema, expected) => {
    expect(closeSchema(schema)).toEqual(expected);
  });

  test.each<[string, JsonObject]>([
    ["an enum", { enum: ["a", 1, null] }],
    ["a constant", { const: "a" }],
    ["a known format", { type: "string", format: "date-time" }],
    ["a minimum of one item", { type: "array", items: { type: "string" }, minItems: 1 }],
    ["a reference", { $ref: "#/$defs/x" }],
    ["several types", { type: ["string", "null"] }],
  ])("a schema keeps %s", (_, schema) => {
    expect(closeSchema(schema)).toEqual(schema);
  });

  test("oneOf becomes anyOf", () => {
    expect(closeSchema({ oneOf: [{ type: "string" }] })).toEqual({ anyOf: [{ type: "string" }] });
  });

  test("a schema with properties but without a type becomes an object", () => {
    expect(closeSchema({ properties: { a: { type: "string" } } })).toEqual({
      type: "object",
      properties: { a: { type: "string" } },
      additionalProperties: false,
    });
  });

  test.each<[string, JsonObject]>([
    ["an empty schema", {}],
    ["any object", { type: "object" }],
    ["a map", { type: "object", properties: {}, additionalProperties: { type: "string" } }],
    ["an open object", { type: "object", properties: {}, additionalProperties: true }],
    ["any object as a property", { type: "object", properties: { a: { type: "object" } } }],
    ["any value as a property", { type: "object", properties: { a: {} } }],
    ["a boolean schema", { type: "array", items: true }],
    ["a nullable open object", { type: ["object", "null"] }],
  ])("%s cannot be closed", (_, schema) => {
    expect(closeSchema(schema)).toBeUndefined();
  });
});
