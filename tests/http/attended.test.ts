import { describe, expect, test, vi } from "vitest";
import { openStream } from "../helpers/live-stream.ts";
import { eventsOf, openRuns, RUNS, type RunBody } from "../helpers/runs-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";

const EVENTS = { "x-hermes-approvals": "events" };
const RISKY = "rm -r keep";
const ask: Play = [call("terminal", { command: RISKY }), say("Done.")];
const FILES = { files: { "keep/a.txt": "a" } };
const chat = { model: "hermes-agent", messages: [{ role: "user", content: "Clean up." }], stream: true };
const response = { input: "Clean up.", stream: true };

interface Chunk {
  object: string;
  choices: object[];
  event?: string;
  run_id?: string;
  approval_id?: string;
}

function framesOf(text: string): { name: string | undefined; data: Record<string, unknown> }[] {
  return text
    .split("\n\n")
    .filter((frame) => frame.includes("data: {"))
    .map((frame) => ({
      name: /^event: (.*)$/m.exec(frame)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? "{}") as Record<string, unknown>,
    }));
}

describe("a chat", () => {
  test("a chat is unattended: what would ask is denied at once, and the model reads why", async () => {
    const app = await openRuns(ask, FILES);
    const { text } = await app.ask("/v1/chat/completions", { body: chat });
    expect(text).not.toContain("approval");
    expect(text).toContain("Done.");
    expect(JSON.stringify(app.provider.requests[1]?.items)).toContain("nobody can be asked here");
  });

  test("a chat that asks for approval events gets each as a valid chunk, and goes on with the answer", async () => {
    const app = await openRuns(ask, FILES);
    const origin = await app.listen();
    const stream = await openStream(`${origin}/v1/chat/completions`, chat, EVENTS);
    await stream.sees(/approval\.request/);
    const asked = framesOf(stream.text).find(({ name }) => name === "approval.request")
      ?.data as unknown as Chunk;
    expect(asked).toMatchObject({ object: "chat.completion.chunk", choices: [], event: "approval.request" });
    expect(asked.run_id).toMatch(/^chatcmpl-/);
    const answered = await app.ask(`${RUNS}/${asked.run_id}/approval`, {
      body: { choice: "once", approval_id: asked.approval_id },
    });
    expect(answered.status).toBe(200);
    await stream.sees(/\[DONE\]/);
    const text = framesOf(stream.text)
      .map(({ data }) => JSON.stringify(data))
      .join("");
    expect(text).toContain("approval.responded");
    expect(text).toContain("Done.");
  });

  test("a chat is told that a header cannot be", async () => {
    const app = await openRuns(ask, FILES);
    const refused = await app.ask("/v1/chat/completions", {
      body: chat,
      headers: { "x-hermes-approvals": "yes" },
    });
    expect(refused.status).toBe(400);
    expect(refused.json()).toMatchObject({ error: { param: "X-Hermes-Approvals" } });
  });
});

describe("a response", () => {
  test.each([
    { background: true },
    {},
  ])("%j that asks for approval events gets them, numbered like all others, and again when it is read later", async (more) => {
    const app = await openRuns(ask, FILES);
    const origin = await app.listen();
    const body = { ...response, ...more };
    const stream = await openStream(`${origin}/v1/responses`, body, EVENTS);
    await stream.sees(/hermes\.approval\.request/);
    const frames = () => framesOf(stream.text);
    const asked = frames().find(({ name }) => name === "hermes.approval.request")?.data;
    expect(asked).toMatchObject({ type: "hermes.approval.request", command: RISKY });
    const id = (frames()[0]?.data["response"] as { id: string }).id;
    await app.ask(`${RUNS}/${id}/approval`, { body: { choice: "deny" } });
    await stream.sees(/response\.completed/);
    expect(frames().map(({ data }) => data["sequence_number"])).toEqual(frames().map((_, i) => i));
    const again = await app.ask(`/v1/responses/${id}?stream=true`);
    expect(framesOf(again.text).map(({ data }) => data["type"])).toEqual(
      frames().map(({ data }) => data["type"]),
    );
  });

  test("a response must be stored for that", async () => {
    const app = await openRuns(ask, FILES);
    const body = { ...response, store: false };
    const refused = await app.ask("/v1/responses", { body, headers: EVENTS });
    expect(refused.status).toBe(400);
    expect(refused.json()).toMatchObject({ error: { param: "store" } });
  });
});

describe("a question to the user", () => {
  const QUESTION = { question: "Which colour?", choices: ["red", "blue"] };
  const script: Play = (_request, n) => (n % 2 === 1 ? call("clarify", QUESTION) : say("So be it."));

  async function open(timeoutS = 60) {
    const app = await openRuns(script, { config: { approvals: { timeout_seconds: timeoutS } } });
    const waits = (id: string) =>
      vi.waitFor(async () => {
        const run = (await app.read(id)) as RunBody & { clarify: { clarify_id: string } };
        expect(run.status).toBe("waiting_for_input");
        return run;
      });
    const answer = (id: string, body: object) => app.ask(`${RUNS}/${id}/clarify`, { body });
    return { ...app, waits, answer };
  }

  test("a question to the user reaches them, and the answer reaches the model", async () => {
    const { create, waits, answer, ends, ask: get, provider } = await open();
    const { run_id: id } = await create();
    const { clarify } = await waits(id);
    expect(clarify).toMatchObject({ event: "clarify.request", ...QUESTION });
    const answered = await answer(id, { clarify_id: clarify.clarify_id, answer: "blue" });
    expect(answered.json()).toEqual({
      object: "hermes.run.clarify_response",
      run_id: id,
      clarify_id: clarify.clarify_id,
      accepted: true,
    });
    expect(await ends(id)).toMatchObject({ status: "completed", output: "So be it." });
    expect(provider.requests[1]?.items.at(-1)).toMatchObject({
      type: "function_call_output",
      output: "blue",
    });
    const names = eventsOf((await get(`${RUNS}/${id}/events`)).text).map(({ event }) => event);
    expect(names.slice(0, 4)).toEqual([
      "tool.started",
      "clarify.request",
      "clarify.responded",
      "tool.completed",
    ]);
    expect((await answer(id, { clarify_id: clarify.clarify_id, answer: "red" })).status).toBe(409);
  });

  test("without an answer in time is told to the model, and the run goes on", async () => {
    const { create, ends, provider } = await open(0.1);
    expect(await ends((await create()).run_id)).toMatchObject({ status: "completed" });
    expect(JSON.stringify(provider.requests[1]?.items)).toContain("Nobody answered in time");
  });

  test.each([
    [{ answer: "blue" }, 400, "clarify_id"],
    [{ clarify_id: "ask_1" }, 400, "answer"],
    [{ clarify_id: "ask_1", answer: "blue" }, 409, "clarify_id"],
  ])("a question to the user refuses %j with %i", async (body, status, param) => {
    const { create, waits, answer } = await open();
    const { run_id: id } = await create();
    await waits(id);
    const refused = await answer(id, body);
    expect(refused.status).toBe(status);
    expect(refused.json()).toMatchObject({ error: { param } });
  });

  test("a question to the user can be asked only where somebody is there", async () => {
    const { create, ends, ask: post, provider } = await open();
    const { text } = await post("/v1/chat/completions", { body: { ...chat, stream: false } });
    expect(text).toContain("So be it.");
    const { run_id: id } = (await create({}, { "x-hermes-approvals": "deny" })) as RunBody;
    await ends(id);
    const names = provider.requests.map(({ tools }) => tools.map(({ name }) => name));
    for (const offered of names) expect(offered).not.toContain("clarify");
    expect(JSON.stringify(provider.requests[1]?.items)).toContain('There is no tool named \\"clarify\\"');
  });
});
