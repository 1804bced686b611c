import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import { startFor } from "../helpers/frontend.ts";
import { type Live, send } from "../helpers/live-app.ts";
import { openStream } from "../helpers/live-stream.ts";

/** What it shows; the name comes from the payload. */
interface Payload {
  event: string;
  [field: string]: unknown;
}

/** Reads a stream line by line, data only. */
function payloadsOf(text: string): Payload[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => JSON.parse(line.slice("data:".length).trim()) as Payload);
}

async function json(live: Live, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await send(live, path, body);
  expect(response.ok).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

const command = "rm -r notes && echo gone";
const RISKY = { toolCalls: [{ name: "terminal", arguments: { command } }] };
const FILES = { files: { "notes/a.txt": "a" } };

/** What it sends for one message of a conversation that it keeps itself. */
function turn(session: string) {
  return {
    model: "hermes-agent",
    input: [{ role: "user", content: [{ type: "text", text: "Delete my notes." }] }],
    session_id: session,
    instructions: "Be brief.",
    conversation_history: [
      { role: "user", content: "Hello." },
      { role: "assistant", content: "Hi." },
    ],
    reasoning_effort: "low",
  };
}

test("a turn over the runs API, with an approval card that is answered", async () => {
  const live = await startFor([RISKY, { text: "Deleted." }], FILES);
  const { features } = await json(live, "/v1/capabilities");
  expect(features).toMatchObject({
    approval_events: true,
    run_approval_response: true,
    approval_identity_v1: true,
  });
  const { run_id: id } = await json(live, "/v1/runs", turn("webui-1"));
  const stream = await openStream(`${live.origin}/v1/runs/${id}/events`);
  await stream.sees(/approval\.request/);
  const card = payloadsOf(stream.text).find(({ event }) => event === "approval.request");
  expect(card).toMatchObject({
    approval_id: expect.any(String),
    command,
    description: expect.any(String),
    choices: ["once", "session", "always", "deny"],
    allow_permanent: true,
  });
  const answer = { choice: "once", approval_id: card?.["approval_id"] };
  expect(await json(live, `/v1/runs/${id}/approval`, answer)).toMatchObject({ resolved: 1 });
  const told = payloadsOf(await stream.ended);
  expect(told.find(({ event }) => event === "tool.completed")).toMatchObject({
    tool: "terminal",
    error: false,
  });
  expect(told.at(-1)).toMatchObject({
    event: "run.completed",
    output: "Deleted.",
    usage: { input_tokens: expect.any(Number), output_tokens: expect.any(Number) },
  });
  expect(existsSync(join(live.workspace, "notes"))).toBe(false);
  const { messages } = asChat(await live.upstream.requestArrived(1));
  expect(messages.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
});

test("Stop while a card is shown ends the run, and nothing is run", async () => {
  const live = await startFor([RISKY], FILES);
  const { run_id: id } = await json(live, "/v1/runs", turn("webui-2"));
  const stream = await openStream(`${live.origin}/v1/runs/${id}/events`);
  await stream.sees(/approval\.request/);
  expect(await json(live, `/v1/runs/${id}/stop`, {})).toMatchObject({ run_id: id });
  const told = payloadsOf(await stream.ended);
  expect(told.at(-1)).toMatchObject({ event: "run.cancelled" });
  await vi.waitFor(async () =>
    expect(await json(live, `/v1/runs/${id}`)).toMatchObject({ status: "cancelled" }),
  );
  expect(existsSync(join(live.workspace, "notes"))).toBe(true);
});
