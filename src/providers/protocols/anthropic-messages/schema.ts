import { isJsonObject, type JsonObject } from "../../../lib/json.ts";

/** Keys that the service's schema compiler knows. It refuses a schema with any other key. */
const KEPT: ReadonlySet<string> = new Set([
  "type",
  "title",
  "description",
  "enum",
  "const",
  "default",
  "$ref",
  "required",
]);
/** Keys whose schemas are kept and closed. */
const LISTS: ReadonlySet<string> = new Set(["anyOf", "allOf", "oneOf"]);
const MAPS: ReadonlySet<string> = new Set(["$defs", "definitions"]);
/** Keys that are handled elsewhere, and one that has no effect. */
const HANDLED: ReadonlySet<string> = new Set(["properties", "additionalProperties", "$schema"]);
const FORMATS: ReadonlySet<unknown> = new Set([
  "date-time",
  "time",
  "date",
  "duration",
  "email",
  "hostname",
  "uri",
  "ipv4",
  "ipv6",
  "uuid",
]);

/**
 * Converts a schema to one that the service can enforce: every object is closed, and rules that it has no key for
 * (lengths, ranges, patterns) move into the description, where the model reads them. Returns undefined when the schema
 * cannot be written that way, for example when it allows objects of any content.
 * @see https://platform.claude.com/docs/en/build-with-claude/structured-outputs
 */
export function closeSchema(schema: JsonObject): JsonObject | undefined {
  const closer = new Closer();
  const closed = closer.close(schema);
  return closer.failed ? undefined : closed;
}

/** A closed schema in two parts: what the service enforces, and what only the model reads. */
interface Parts {
  closed: JsonObject;
  rules: JsonObject;
}

class Closer {
  failed = false;

  close(schema: unknown): JsonObject {
    if (!isJsonObject(schema)) return this.#fail();
    const parts: Parts = { closed: {}, rules: {} };
    for (const [key, value] of Object.entries(schema)) this.#sort(key, value, parts);
    if (allowsObject(schema)) this.#closeObject(schema, parts.closed);
    return this.#describe(parts);
  }

  #sort(key: string, value: unknown, { closed, rules }: Parts): void {
    if (HANDLED.has(key)) return;
    if (KEPT.has(key) || isKnownValue(key, value)) closed[key] = value;
    else if (key === "items") closed["items"] = this.close(value);
    else if (LISTS.has(key) && Array.isArray(value)) {
      closed[key === "oneOf" ? "anyOf" : key] = value.map((option) => this.close(option));
    } else if (MAPS.has(key) && isJsonObject(value)) closed[key] = this.#closeAll(value);
    else rules[key] = value;
  }

  #closeObject({ properties, additionalProperties }: JsonObject, closed: JsonObject): void {
    if (!isJsonObject(properties) || isOpen(additionalProperties)) {
      this.#fail();
      return;
    }
    closed["type"] ??= "object";
    closed["properties"] = this.#closeAll(properties);
    closed["additionalProperties"] = false;
  }

  #closeAll(schemas: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, this.close(schema)]));
  }

  #describe({ closed, rules }: Parts): JsonObject {
    if (!SHAPES.some((key) => closed[key] !== undefined)) return this.#fail();
    if (Object.keys(rules).length === 0) return closed;
    const description = [closed["description"], JSON.stringify(rules)].filter(Boolean).join("\n\n");
    return { ...closed, description };
  }

  #fail(): JsonObject {
    this.failed = true;
    return {};
  }
}

/** A schema must have at least one of these keys. */
const SHAPES = ["type", "enum", "const", "anyOf", "allOf", "$ref"];

/** Whether the service knows this value of a key for which it knows only some values. */
function isKnownValue(key: string, value: unknown): boolean {
  return (key === "format" && FORMATS.has(value)) || (key === "minItems" && (value === 0 || value === 1));
}

function allowsObject({ type, properties }: JsonObject): boolean {
  if (type === undefined) return properties !== undefined;
  return type === "object" || (Array.isArray(type) && type.includes("object"));
}

function isOpen(additional: unknown): boolean {
  return additional === true || isJsonObject(additional);
}
