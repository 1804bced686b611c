import fc from "fast-check";
import { expect, test } from "vitest";
import { call, type Play, say } from "../helpers/scripted-provider.ts";
import { openSessions } from "../helpers/sessions-app.ts";

const play: Play = (_request, n) => (n % 5 === 0 ? call("read_file", { path: "none.txt" }) : say("Hi."));

const json = fc.jsonValue({ maxDepth: 3, stringUnit: "binary" });
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("", "\u0000", "\ud800", "__proto__", "a", "b", "conv_0", "../x", "x".repeat(300)),
);
const number = fc.oneof(
  fc.constantFrom(0, -1, 0.5, 1e308, 2 ** 53, 1_000_000, 1_000_001, 2_000_001),
  fc.nat(),
);
const part = fc.oneof(
  fc.record({ type: fc.constantFrom("text", "input_text", "refusal"), text, refusal: text }),
  fc.record({
    type: fc.constant("image_url"),
    image_url: fc.oneof(text, fc.constant("data:image/png;base64,AA==")),
  }),
  fc.record({ type: fc.constantFrom("input_file", "file"), file_data: text }),
  json,
);
const message = fc.oneof({ weight: 4, arbitrary: text }, fc.array(part, { maxLength: 2 }), json);
const value = fc.oneof(text, number, fc.boolean(), fc.constant(null), json);
const FIELDS =
  "id session_id title system_prompt source model model_id provider model_options require_model_lock at message input system_message instructions pinned archived hidden unread end_reason";
const body = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(fc.constantFrom(...FIELDS.split(" ")), value, { maxKeys: 4 }) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        id: fc.constantFrom("a", "b", "c"),
        title: text,
        system_prompt: text,
        at: number,
        model: fc.constantFrom("m"),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 3, arbitrary: fc.record({ message }) },
  { weight: 1, arbitrary: json },
);
const id = fc.oneof({ weight: 5, arbitrary: fc.constantFrom("a", "b", "c") }, text);
const query = fc
  .dictionary(
    fc.constantFrom("limit", "offset", "order", "q", "title", "source", "include_hidden"),
    fc.oneof(text, number.map(String)),
    {
      maxKeys: 3,
    },
  )
  .map((pairs) => new URLSearchParams(pairs).toString());

const request = fc.oneof(
  fc.record({ method: fc.constant("POST" as const), path: fc.constant(""), body }),
  fc.record({
    method: fc.constantFrom("POST" as const, "PATCH" as const, "DELETE" as const),
    id,
    path: fc.constantFrom("", "/chat", "/chat/stream", "/fork", "/model"),
    body,
  }),
  fc.record({ method: fc.constant("GET" as const), id, path: fc.constantFrom("", "/messages"), query }),
  fc.record({ method: fc.constant("GET" as const), path: fc.constantFrom("", "/search"), query }),
);

test("whatever is asked of sessions, the answer is as documented, and never a failure of the server", {
  timeout: 60_000,
}, async () => {
  const { at, create } = await openSessions(play);
  for (const name of ["a", "b"]) await create({ id: name });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async (asked) => {
      const base =
        "id" in asked ? `/${encodeURIComponent(asked.id.toWellFormed())}${asked.path}` : asked.path;
      const url = "query" in asked ? `${base}?${asked.query}` : base;
      // Each answer is held against openapi.yaml.
      const { status } = await at(url, {
        method: asked.method,
        ...("body" in asked && { body: asked.body }),
      });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 600 },
  );
  for (const status of [200, 201, 400, 404]) expect(statuses.get(status), String(status)).toBeGreaterThan(5);
});
