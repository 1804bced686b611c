import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { fromJsonSchema } from "../../../src/tools/json-schema.ts";

/** As servers of tools write them: a draft is rarely named, and other keywords than the checked ones stand among them. */
const SCHEMAS: [what: string, schema: JsonObject, allowed: unknown, refused: unknown][] = [
  ["a required field", { properties: { a: { type: "string" } }, required: ["a"] }, { a: "x", b: 1 }, {}],
  ["a closed object", { properties: { a: {} }, additionalProperties: false }, { a: 1 }, { b: 1 }],
  [
    "a union with null",
    { properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } } },
    { a: null },
    { a: 1 },
  ],
  ["OpenAPI's nullable", { properties: { a: { type: "string", nullable: true } } }, { a: null }, { a: 1 }],
  ["a list of types", { properties: { a: { type: ["integer", "null"] } } }, { a: null }, { a: 1.5 }],
  ["bounds", { properties: { a: { type: "integer", minimum: 1, maximum: 9 } } }, { a: 9 }, { a: 10 }],
  ["an enumeration", { properties: { a: { enum: ["x", 1, null] } } }, { a: null }, { a: "y" }],
  [
    "items",
    { properties: { a: { type: "array", items: { type: "string" }, maxItems: 1 } } },
    { a: ["x"] },
    { a: [1] },
  ],
  [
    "a reference",
    { properties: { a: { $ref: "#/$defs/Text" } }, $defs: { Text: { type: "string" } } },
    { a: "x" },
    { a: 1 },
  ],
  [
    "an older draft's reference",
    { properties: { a: { $ref: "#/definitions/Text" } }, definitions: { Text: { type: "string" } } },
    { a: "x" },
    { a: 1 },
  ],
  [
    "a tree",
    {
      properties: { tree: { $ref: "#/$defs/Tree" } },
      $defs: { Tree: { type: "object", properties: { left: { $ref: "#/$defs/Tree" } } } },
    },
    { tree: { left: { left: {} } } },
    { tree: { left: { left: 1 } } },
  ],
];

it.each(SCHEMAS)("a JSON Schema with %s is checked", (_what, schema, allowed, refused) => {
  const type = fromJsonSchema({ type: "object", ...schema });
  expect([type?.safeParse(allowed).success, type?.safeParse(refused).success]).toEqual([true, false]);
});

it.each<[what: string, schema: JsonObject, allowed: unknown]>([
  ["format", { type: "string", format: "date-time" }, "2027-01-02T03:04:05+02:00"],
  ["pattern", { type: "string", pattern: "^\\p{Letter}+$" }, "Grüße"],
  ["not", { not: { type: "string" } }, 1],
  ["if", { if: { type: "string" }, else: { minimum: 1 } }, 1],
  ["dependentRequired", { type: "object", dependentRequired: { a: ["b"] } }, {}],
  ["unevaluatedProperties", { type: "object", unevaluatedProperties: false }, {}],
  ["patternProperties", { patternProperties: { "^x-": {} }, additionalProperties: false }, { "x-a": 1 }],
  ["an enumeration of objects", { enum: [{ a: 1 }, [2]] }, { a: 1 }],
  ["an object as a constant", { const: { a: 1 } }, { a: 1 }],
  ["alternatives that overlap", { oneOf: [{ type: "number" }, { type: "integer" }] }, 1],
  ["a keyword of its own", { type: "string", "x-order": 1, discriminator: { propertyName: "a" } }, "x"],
])("a JSON Schema with %s refuses no value that may be valid, and is checked beside that", (_what, schema, allowed) => {
  const type = fromJsonSchema({ type: "object", properties: { a: schema, b: { type: "string" } } });
  expect([type?.safeParse({ a: allowed }).success, type?.safeParse({ b: 1 }).success]).toEqual([true, false]);
});

it.each<[what: string, schema: JsonObject]>([
  ["that refers to another document", { $ref: "https://example.org/schema.json" }],
  ["that refers to nothing", { type: "object", properties: { a: { $ref: "#/$defs/Missing" } } }],
  ["of a type that there is not", { type: "any" }],
])("a JSON Schema %s cannot be checked", (_what, schema) => {
  expect(fromJsonSchema(schema)).toBeUndefined();
});

describe("every JSON Schema of these keywords", () => {
  const names = fc.constantFrom("a", "b", "c");
  const scalar = fc.oneof(
    names,
    fc.integer({ min: -3, max: 3 }),
    fc.boolean(),
    fc.constant(null),
    fc.double({ min: -9, max: 9, noNaN: true }),
  );
  const types = fc.constantFrom("string", "integer", "number", "boolean", "null", "array", "object");
  const small = fc.nat({ max: 3 });
  /** A schema of few keywords, and of schemas with them. */
  const schemaOf = (inner: fc.Arbitrary<unknown>): fc.Arbitrary<JsonObject> => {
    const few = fc.array(inner, { minLength: 1, maxLength: 2 });
    const named = fc.dictionary(names, inner, { maxKeys: 2 });
    const keyword = fc.oneof(
      fc.record({ type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })) }),
      fc.record({
        enum: fc.uniqueArray(fc.oneof(scalar, fc.constant({ a: 1 })), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({ const: fc.oneof(scalar, fc.constant([1])) }),
      fc.record({ properties: named, required: fc.uniqueArray(names, { maxLength: 2 }) }),
      fc.record({ properties: named, additionalProperties: fc.oneof(fc.boolean(), inner) }),
      fc.record({ patternProperties: named, additionalProperties: fc.oneof(fc.boolean(), inner) }),
      fc.record({ items: inner, uniqueItems: fc.boolean() }),
      fc.oneof(fc.record({ anyOf: few }), fc.record({ oneOf: few }), fc.record({ allOf: few })),
      fc.record({ not: inner }),
      fc.record({ minLength: small, maxItems: small, minProperties: small }),
      fc.record({ minimum: small, exclusiveMaximum: small, multipleOf: fc.constantFrom(1, 2, 0.5) }),
      fc.record({ format: fc.constantFrom("date-time", "uri", "email"), default: scalar }),
    );
    return fc.array(keyword, { maxLength: 3 }).map((keywords) => Object.assign({}, ...keywords));
  };
  const schema = schemaOf(schemaOf(schemaOf(fc.constantFrom(true, {}, { type: "string" }))));
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalar,
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(names, tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).value;

  it("every JSON Schema of these keywords refuses no value that another validator accepts", () => {
    const options = { strict: false, validateFormats: false, logger: false } as const;
    fc.assert(
      fc.property(schema, value, (json, given) => {
        fc.pre(new Ajv2020(options).compile(json)(given) === true);
        expect(fromJsonSchema(json)?.safeParse(given).success ?? true).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
