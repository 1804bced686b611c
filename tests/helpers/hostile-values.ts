import { parse } from "yaml";
import { textOf } from "./sources.ts";

/** JSON Schema, as openapi.yaml has it. */
export interface Schema {
  $ref?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Parameter {
  name: string;
  in: string;
}

/** One thing that the API can be asked to do. */
export interface Operation {
  method: string;
  path: string;
  body: Schema | undefined;
  /** The names of its query's parameters. */
  query: string[];
}

interface Document {
  paths: Record<
    string,
    Record<
      string,
      { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema: Schema }> } }
    >
  >;
  components: { schemas: Record<string, Schema> };
}

const document = parse(textOf("openapi.yaml")) as Document;

/** All that openapi.yaml documents. */
export const OPERATIONS: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
    method: method.toUpperCase(),
    path,
    body: requestBody?.content["application/json"]?.schema,
    query: parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name),
  })),
);

/** A letter that nothing else in a request or an answer has, and much of it. */
export const LETTER = "Ж";
export const HUGE = LETTER.repeat(20_000);

/** What no field is meant to hold: much, wide or deep. */
const SHAPES: readonly unknown[] = [
  HUGE,
  Array(5_000).fill({}),
  Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`${LETTER}${n}`, HUGE.slice(0, 10)])),
  { [HUGE]: HUGE },
  [[[HUGE]]],
  JSON.parse(`${'{"a":'.repeat(90)}[]${"}".repeat(90)}`),
];

/** Values for a schema with one hostile thing each: at every place, and as right as a schema can tell elsewhere. */
export function* hostileValues(schema: Schema, turn = { n: 0 }, depth = 0): Generator {
  const { anyOf, oneOf, items, properties, ...own } = resolved(schema);
  const kinds = anyOf ?? oneOf;
  if (kinds !== undefined) {
    for (const kind of kinds) yield* hostileValues(kind, turn, depth);
    return;
  }
  if (own.type === "null" || own.const !== undefined) return;
  yield SHAPES[turn.n++ % SHAPES.length];
  if (own.type === "string") yield HUGE;
  if (depth > 7) return;
  if (items !== undefined) for (const item of hostileValues(items, turn, depth + 1)) yield [item];
  for (const [name, property] of Object.entries(properties ?? {})) {
    for (const value of hostileValues(property, turn, depth + 1))
      yield { ...exampleOf(schema), [name]: value };
  }
  if (properties !== undefined) yield { ...exampleOf(schema), [HUGE]: SHAPES[turn.n % SHAPES.length] };
}

/** The least that a schema allows. */
export function exampleOf(schema: Schema): Record<string, unknown> {
  const { properties = {}, required = [] } = resolved(schema);
  return Object.fromEntries(required.map((name) => [name, leastOf(properties[name] ?? {})]));
}

function leastOf(schema: Schema): unknown {
  const { anyOf, oneOf, type, items, ...own } = resolved(schema);
  const [kind] = anyOf ?? oneOf ?? [];
  if (kind !== undefined) return leastOf(kind);
  if (own.const !== undefined) return own.const;
  if (own.enum !== undefined) return own.enum[0];
  if (type === "array") return [leastOf(items ?? {})];
  if (type === "object") return exampleOf(schema);
  if (type === "integer" || type === "number") return 1;
  return type === "boolean" ? false : "every 2h";
}

/** A schema, or the one that it refers to. */
export function resolved(schema: Schema): Schema {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  return name === undefined ? schema : (document.components.schemas[name] ?? {});
}
