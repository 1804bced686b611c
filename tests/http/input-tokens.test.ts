import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { estimateTokens } from "../../src/context/estimate.ts";
import { openResponses } from "../helpers/responses-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";

const WEATHER = {
  type: "function",
  name: "weather",
  description: "The weather in a city",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};

const FILES = { "AGENTS.md": "Be brief.", "notes.txt": "word ".repeat(2_000) };

/** Whose history a request goes on from. */
type Past = "none" | "response" | "unstored" | "conversation" | "session" | "locked" | "described";

interface Request {
  past: Past;
  body: Record<string, unknown>;
  attended: boolean;
}

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const items = fc.array(
  fc.record({ role: fc.constantFrom("user", "assistant", "system"), content: text.map((it) => `${it}.`) }),
  { minLength: 1, maxLength: 5 },
);
const requests: fc.Arbitrary<Request> = fc.record({
  past: fc.constantFrom<Past>(
    "none",
    "response",
    "unstored",
    "conversation",
    "session",
    "locked",
    "described",
  ),
  attended: fc.boolean(),
  body: fc.record(
    {
      input: fc.oneof(
        text.map((it) => `${it}?`),
        items.map((said) => [...said, { role: "user", content: "So?" }]),
      ),
      model: fc.constantFrom("hermes-agent", "hermes-agent-lite"),
      instructions: text,
      tools: fc.constant([WEATHER]),
      tool_choice: fc.constantFrom("auto", "none"),
      max_tool_calls: fc.constantFrom(1, 5),
      truncation: fc.constantFrom("auto", "disabled"),
      store: fc.boolean(),
      background: fc.boolean(),
      text: fc.constant({ format: { type: "json_schema", name: "answer", schema: { type: "object" } } }),
    },
    { requiredKeys: ["input"] },
  ),
});

/** A server with one past of each kind: a call of a tool with a long result, and an answer. */
async function openPasts(config: object) {
  const play = (_: unknown, n: number) =>
    n % 2 === 1 ? call("read_file", { path: "notes.txt" }) : say("It says word.");
  let isPast = true;
  const opened = await openResponses((request, n) => (isPast ? play(request, n) : say("Yes.")), {
    config,
    files: FILES,
  });
  const { respond, ask } = opened;
  const conversation = (await ask("/v1/conversations", { body: {} })).json().id;
  const response = (await respond({ input: "Read it." })).json().id;
  await respond({ input: "Read it.", conversation });
  for (const id of ["session", "locked"]) await respond({ input: "Read it." }, { "x-hermes-session-id": id });
  await ask("/api/sessions", { body: { id: "described", system_prompt: "You are a pirate. ".repeat(50) } });
  await ask("/api/sessions/locked/model", { body: { model: "hermes-agent-lite" } });
  isPast = false;
  const pastOf: Record<Past, { body: object; headers: Record<string, string> }> = {
    none: { body: {}, headers: {} },
    response: { body: { previous_response_id: response }, headers: {} },
    unstored: { body: { previous_response_id: response, store: false }, headers: {} },
    conversation: { body: { conversation }, headers: {} },
    session: { body: {}, headers: { "x-hermes-session-id": "session" } },
    locked: { body: {}, headers: { "x-hermes-session-id": "locked" } },
    described: { body: {}, headers: { "x-hermes-session-id": "described" } },
  };
  return { ...opened, pastOf };
}

describe("POST /v1/responses/input_tokens", () => {
  test.each([
    ["as it comes", {}],
    [
      "with shortened history, a closing text and a small window",
      {
        server: { history_tool_output_max_chars: 500 },
        agent: { ephemeral_system_prompt: "Answer in one word." },
        llm: { context_length: 4_000 },
      },
    ],
  ])("POST /v1/responses/input_tokens counts what the first model call of a response is sent, %s", async (_name, config) => {
    const { ask, respond, running, provider, pastOf } = await openPasts(config);
    await fc.assert(
      fc.asyncProperty(requests, async ({ past, body, attended }) => {
        const given = { ...body, ...pastOf[past].body };
        const headers = { ...pastOf[past].headers, ...(attended && { "x-hermes-approvals": "events" }) };
        const counted = await ask("/v1/responses/input_tokens", { body: given, headers });
        const before = provider.requests.length;
        const answer = await respond(given, headers);
        if (answer.status !== 200) {
          expect(counted.status).toBe(answer.status);
          return;
        }
        // A background response is answered before it begins.
        await running(0);
        const sent = provider.requests[before];
        expect(sent && estimateTokens(sent)).toBe(counted.json<{ input_tokens: number }>().input_tokens);
      }),
      { numRuns: 60 },
    );
  });
});
