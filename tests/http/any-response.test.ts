import fc from "fast-check";
import { expect, test } from "vitest";
import { packSummary } from "../../src/domain/compaction.ts";
import { pdfOf } from "../helpers/pdf.ts";
import { openResponses } from "../helpers/responses-app.ts";
import { say } from "../helpers/scripted-provider.ts";

const PDF = pdfOf("x").toString("base64");
const CALL = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
const PARTS = [
  { type: "input_text", text: "x" },
  { type: "input_image", image_url: "https://example.org/a.png", detail: "low" },
  { type: "input_file", filename: "a.txt", file_data: "eA==" },
];

/** A request with everything in it that a client can say. */
const BODY = {
  model: "hermes-agent",
  input: [
    { role: "user", content: PARTS },
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "x" }], encrypted_content: "x" },
    {
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: "x" }],
      phase: "commentary",
    },
    CALL,
    { type: "function_call_output", call_id: "c", output: PARTS },
    { type: "custom_tool_call", call_id: "d", name: "g", input: "x" },
    { type: "custom_tool_call_output", call_id: "d", output: "x" },
    { type: "mcp_call", id: "mcp_1", name: "f", arguments: "{}", output: "x", error: null },
    { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "x" } },
    { type: "compaction", encrypted_content: packSummary("x") },
    "Go on",
  ],
  conversation_history: [{ role: "user", content: "x" }],
  instructions: "x",
  store: true,
  stream: false,
  stream_options: { include_obfuscation: false },
  metadata: { a: "b" },
  temperature: 1,
  top_p: 1,
  max_output_tokens: 100,
  max_tool_calls: 3,
  parallel_tool_calls: true,
  top_logprobs: 0,
  text: {
    format: { type: "json_schema", name: "x", schema: { type: "object" }, strict: true },
    verbosity: "low",
  },
  tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: true }, { type: "shell" }],
  tool_choice: {
    type: "allowed_tools",
    mode: "auto",
    tools: [{ type: "function", name: "f" }, { type: "shell" }],
  },
  reasoning: { effort: "low", summary: "auto" },
  truncation: "auto",
  include: ["reasoning.encrypted_content"],
  safety_identifier: "x",
  prompt_cache_key: "x",
  service_tier: "auto",
  user: "x",
  model_options: { reasoning: { enabled: true, effort: "low" } },
};

/** Every place in a JSON value, the value itself left out. */
function placesOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [...path, key],
    ...placesOf(inner, [...path, key]),
  ]);
}

function withLeaf(value: unknown, [key = "", ...rest]: readonly string[], leaf: unknown): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = rest.length === 0 ? leaf : withLeaf(copy[key], rest, leaf);
  return copy;
}

const HOSTILE = [
  null,
  "",
  "x",
  "null",
  0,
  -1,
  1.5,
  1e308,
  true,
  [],
  {},
  [null],
  [[]],
  { type: "x" },
  { type: "function" },
  "\u0000",
  "\ud800",
  "../../etc",
  "x".repeat(3_000),
  `data:application/pdf;base64,${PDF}`,
  { __proto__: null, a: 1 },
];

test("a request with anything in the place of anything is answered, or refused by the name of a field", {
  timeout: 60_000,
}, async () => {
  const { respond } = await openResponses(() => say("Done."));
  expect((await respond(BODY)).status).toBe(200);
  const place = fc.constantFrom(...placesOf(BODY));
  const leaf = fc.oneof(fc.constantFrom<unknown>(...HOSTILE), fc.jsonValue({ maxDepth: 3 }));
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(place, leaf), { minLength: 1, maxLength: 2 }), async (changes) => {
      const body = changes.reduce<unknown>(
        (made, [path, value]) => withLeaf(made, path, value),
        BODY,
      ) as object;
      const answer = await respond(body);
      statuses.add(answer.status);
      expect([200, 400]).toContain(answer.status);
      if (answer.status === 200) return;
      const { param, code } = answer.json().error;
      // Keys like __proto__ are refused before there are any fields.
      if (code !== "invalid_json") expect(param).toEqual(expect.any(String));
    }),
    { numRuns: 500 },
  );
  expect([...statuses].sort()).toEqual([200, 400]);
});
