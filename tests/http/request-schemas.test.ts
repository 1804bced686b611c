import { expect, test } from "vitest";
import { z } from "zod";
import { JobRecord } from "../../src/wire/hermes/jobs/record.ts";
import { CreateMessage } from "../../src/wire/openai/responses/socket.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** A schema and where it stands in the one of its request. */
interface Place {
  schema: z.core.$ZodType;
  path: string;
}

/** The schema and all that it is made of. */
function* withInner(place: Place, seen = new Set<unknown>()): Generator<Place> {
  if (seen.has(place.schema)) return;
  seen.add(place.schema);
  yield place;
  for (const inner of innerOf(place)) yield* withInner(inner, seen);
}

function innerOf({ schema, path }: Place): Place[] {
  const { shape, ...parts } = schema._zod.def as unknown as Record<string, unknown>;
  const named = { ...parts, ...(shape as object) };
  return Object.entries(named).flatMap(([name, part]) =>
    [part].flat().flatMap((one) => (isSchema(one) ? [{ schema: one, path: `${path}.${name}` }] : [])),
  );
}

function isSchema(value: unknown): value is z.core.$ZodType {
  return value instanceof z.core.$ZodType;
}

/** The schemas of everything that a client, or a file that it sends, says in JSON. */
async function requestSchemas(): Promise<Place[]> {
  const bodies: Place[] = [
    { schema: JobRecord, path: "a job of a file" },
    { schema: CreateMessage, path: "a message" },
  ];
  await openTestApp({
    beforeRoutes: async (http) => {
      http.addHook("onRoute", ({ method, url, schema }) => {
        if (isSchema(schema?.body)) bodies.push({ schema: schema.body, path: `${method} ${url}` });
      });
    },
  });
  return bodies.flatMap((body) => [...withInner(body)]);
}

test("every list and every object of any names that a request may hold says how many entries it may have", async () => {
  const places = await requestSchemas();
  const open = places.filter(({ schema }) => {
    const { type } = schema._zod.def;
    if (type === "array") return !isBounded(schema, Array(100_001).fill(Symbol("wrong")));
    if (type !== "record" && type !== "map" && type !== "set") return false;
    const many = Object.fromEntries(Array.from({ length: 100_001 }, (_, n) => [`k${n}`, Symbol("wrong")]));
    return !isBounded(schema, many);
  });
  expect(open.map(({ path }) => path)).toEqual([]);
  // Else nothing was looked at.
  expect(places.filter(({ schema }) => schema._zod.def.type === "array").length).toBeGreaterThan(20);
  expect(places.filter(({ schema }) => schema._zod.def.type === "record").length).toBeGreaterThan(2);
});

test("every list that a request may hold ends with its first wrong entry", async () => {
  const arrays = (await requestSchemas()).filter(({ schema }) => schema._zod.def.type === "array");
  const telling = arrays.filter(({ schema }) => issuesOf(schema, Array(4).fill(Symbol("wrong"))) > 1);
  expect(telling.map(({ path }) => path)).toEqual([]);
});

/** Whether a value is refused for its number of entries alone. */
function isBounded(schema: z.core.$ZodType, value: unknown): boolean {
  return issuesOf(schema, value) === 1;
}

function issuesOf(schema: z.core.$ZodType, value: unknown): number {
  return z.core.safeParse(schema, value).error?.issues.length ?? 0;
}
