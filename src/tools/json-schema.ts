import { z } from "zod";
import { isJsonObject, type JsonObject } from "../lib/json.ts";

/**
 * The keywords that zod checks as JSON Schema means them. With the others it would refuse valid values (`format`, which
 * JSON Schema does not assert) or the whole schema (`not`, `if`, `dependentRequired`), and a pattern could block this
 * thread. Those are left to the tool.
 */
const CHECKED = new Set(
  [
    ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions"],
    ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
    ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"],
    ["minLength", "maxLength"],
    ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  ].flat(),
);

/** Their values are schemas by name. */
const NAMED = new Set(["properties", "$defs", "definitions"]);
/** Their values are schemas, or lists of them. */
const NESTED = new Set([
  "anyOf",
  "oneOf",
  "allOf",
  "items",
  "prefixItems",
  "additionalItems",
  "additionalProperties",
]);

/**
 * Converts as much of a JSON Schema as can be checked. The result refuses no value that the schema allows, but for
 * integers beyond 2^53. Undefined when nothing can be checked: for example, a reference leads out of the schema.
 */
export function fromJsonSchema(schema: JsonObject): z.ZodType | undefined {
  const defaultTarget = "definitions" in schema ? "draft-7" : "draft-2020-12";
  try {
    return z.fromJSONSchema(keepChecked(schema) as JsonObject, { defaultTarget });
  } catch {
    return undefined;
  }
}

function keepChecked(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(keepChecked);
  if (!isJsonObject(schema)) return schema;
  const kept: JsonObject = {};
  for (const [keyword, value] of Object.entries(schema)) {
    // More than one alternative may fit: models and tools do not mind.
    const name = keyword === "oneOf" ? "anyOf" : keyword;
    if (CHECKED.has(keyword) && isCheckable(keyword, value, schema)) kept[name] = keepInner(keyword, value);
  }
  // As OpenAPI 3.0 writes it.
  return schema["nullable"] === true ? { anyOf: [kept, { type: "null" }] } : kept;
}

function keepInner(keyword: string, value: unknown): unknown {
  if (NAMED.has(keyword)) return keepNamed(value);
  return NESTED.has(keyword) ? keepChecked(value) : value;
}

function keepNamed(schemas: unknown): unknown {
  if (!isJsonObject(schemas)) return schemas;
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, keepChecked(schema)]));
}

function isCheckable(keyword: string, value: unknown, schema: JsonObject): boolean {
  switch (keyword) {
    case "const":
      return !isNested(value);
    case "enum":
      return Array.isArray(value) && !value.some(isNested);
    case "oneOf":
      return schema["anyOf"] === undefined;
    case "additionalProperties":
      return schema["patternProperties"] === undefined;
    default:
      return true;
  }
}

/** Whether a value is an array or an object, which zod compares by identity. */
function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
