import { describe, expect, test, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { openStream } from "../helpers/live-stream.ts";
import { eventsOf, LOOK, openRuns as open, type RunBody, RUNS as URL } from "../helpers/runs-app.ts";
import { fail, hold, type Play, say } from "../helpers/scripted-provider.ts";

describe("a run", () => {
  test("a run is taken on at once, and read when it is over", async () => {
    const { create, ends } = await open([LOOK, say("It is 7431.")]);
    const created = await create({ metadata: { a: "b" } });
    expect(created).toMatchObject({ run_id: expect.stringMatching(/^run_[0-9a-f]{32}$/), replayed: false });
    expect(await ends(created.run_id)).toMatchObject({
      object: "hermes.run",
      run_id: created.run_id,
      status: "completed",
      output: "It is 7431.",
      usage: { total_tokens: 0 },
      completed: true,
      partial: false,
      metadata: { a: "b" },
      last_event: "run.completed",
    });
  });

  test("a run is followed to its end as hermes clients read it, from the first event or any other", async () => {
    const { create, ends, ask } = await open([LOOK, say("It is ", "7431.")]);
    const { run_id: id } = await create();
    await ends(id);
    const { text } = await ask(`${URL}/${id}/events`);
    expect(text).toMatch(/^: open\n\n/);
    expect(text).toMatch(/\n\n: stream closed\n\n$/);
    const events = eventsOf(text);
    expect(events.map(({ event }) => event)).toEqual([
      "reasoning.delta",
      "message.delta",
      "message.delta",
      "reasoning.available",
      "tool.started",
      "tool.completed",
      "message.delta",
      "message.delta",
      "run.completed",
    ]);
    expect(events.find(({ event }) => event === "tool.started")).toMatchObject({
      tool: "read_file",
      args: { path: "notes.txt" },
    });
    expect(events.find(({ event }) => event === "tool.completed")).toMatchObject({
      tool: "read_file",
      error: false,
      duration: expect.any(Number),
      preview: expect.stringContaining("7431"),
    });
    expect(events.at(-1)).toMatchObject({ output: "It is 7431.", completed: true, run_id: id });
    for (const { seq } of events) {
      const rest = events.filter((event) => event.seq > seq);
      for (const query of [`?after=${seq}`, `?last_seq=${seq}`])
        expect(eventsOf((await ask(`${URL}/${id}/events${query}`)).text)).toEqual(rest);
      const headers = { "last-event-id": `${seq}` };
      expect(eventsOf((await ask(`${URL}/${id}/events`, { headers })).text)).toEqual(rest);
    }
  });

  test("a run is watched by any number of readers while it goes on, and stopped for all of them", async () => {
    const gate = createGate();
    const { create, listen, ask, read } = await open([[...say("one "), ...hold(gate)]]);
    const origin = await listen();
    const { run_id: id } = await create();
    const readers = await Promise.all([1, 2, 3].map(() => openStream(`${origin}${URL}/${id}/events`)));
    for (const reader of readers) await reader.sees(/one /);
    expect(await read(id)).toMatchObject({ status: "running", last_event: "message.delta" });
    readers[0]?.leave();
    expect((await read(id)).status).toBe("running");
    const stopped = (await ask(`${URL}/${id}/stop`, { method: "POST" })).json<RunBody>();
    expect(["stopping", "cancelled"]).toContain(stopped.status);
    for (const reader of readers.slice(1))
      expect(eventsOf(await reader.ended).at(-1)).toMatchObject({
        event: "run.cancelled",
        interrupted: true,
      });
    expect((await read(id)).status).toBe("cancelled");
    expect((await ask(`${URL}/${id}/stop`, { method: "POST" })).json()).toMatchObject({
      status: "cancelled",
    });
  });

  test("a run that fails says why", async () => {
    const { create, ends, ask } = await open([fail("server")]);
    const { run_id: id } = await create();
    expect(await ends(id)).toMatchObject({ status: "failed", code: "upstream_error", completed: false });
    expect(eventsOf((await ask(`${URL}/${id}/events`)).text).at(-1)).toMatchObject({
      event: "run.failed",
      error: expect.stringContaining("failed"),
    });
  });

  test("a run can be read by the names of the other surfaces, and so can theirs", async () => {
    const { create, ends, ask } = await open(() => say("Hi."));
    const { run_id: id } = await create();
    await ends(id);
    const name = id.replace("run_", "resp_");
    expect((await ask(`/v1/responses/${name}`)).json()).toMatchObject({ status: "completed" });
    expect((await ask(`${URL}/${name}`)).json()).toMatchObject({ run_id: id });
    const response = (await ask("/v1/responses", { body: { input: "x" } })).json();
    expect((await ask(`${URL}/${response.id}`)).json()).toMatchObject({ status: "completed", output: "Hi." });
  });
});

describe("the runs of a session", () => {
  test("go one at a time and know what was said before, by the body's id and by the header's", async () => {
    const { create, ends, provider } = await open(() => say("Hi."));
    const first = await create({ input: "first", session_id: "s" });
    const second = await create({ input: "second" }, { "x-hermes-session-id": "s" });
    await ends(first.run_id);
    expect(await ends(second.run_id)).toMatchObject({ session_id: "s" });
    const said = provider.requests.at(-1)?.items.map((item) => (item.type === "message" ? item.role : ""));
    expect(said).toEqual(["user", "assistant", "user"]);
  });

  test("the runs of a session are not begun when another goes on and the client says so, or end it", async () => {
    const gate = createGate();
    const { create, ends, ask } = await open((_request, n) => (n === 1 ? hold(gate) : say("Hi.")));
    const first = await create({ session_id: "s" });
    await gate.reached();
    const rejected = await ask(URL, { body: { input: "x", session_id: "s", on_conflict: "reject" } });
    expect([rejected.status, rejected.json().error.code]).toEqual([409, "session_busy"]);
    const third = await create({ session_id: "s", on_conflict: "interrupt" });
    expect(await ends(first.run_id)).toMatchObject({ status: "cancelled" });
    expect(await ends(third.run_id)).toMatchObject({ status: "completed" });
  });

  test("the runs of a session do not get a history twice that the client brings along", async () => {
    const { create, ends, provider } = await open(() => say("Hi."));
    await ends((await create({ input: "first", session_id: "s" })).run_id);
    const history = [
      { role: "user", content: "first" },
      { role: "assistant", content: "Hi." },
    ];
    await ends((await create({ input: "second", session_id: "s", conversation_history: history })).run_id);
    expect(provider.requests.at(-1)?.items).toHaveLength(3);
  });
});

describe("the list of runs", () => {
  test("the list of runs has them by age, of a session or a status", async () => {
    const { create, ends, ask } = await open((_request, n) => (n === 2 ? fail("server") : say("Hi.")));
    const ids: string[] = [];
    for (const body of [{ session_id: "s" }, {}, {}]) {
      const { run_id: id } = await create(body);
      await ends(id);
      ids.push(id);
    }
    const list = async (query: string) =>
      (await ask(`${URL}?${query}`)).json<{ data: RunBody[]; has_more: boolean }>();
    expect((await list("")).data.map(({ run_id: id }) => id)).toEqual(ids.toReversed());
    expect((await list("session=s")).data.map(({ run_id: id }) => id)).toEqual([ids[0]]);
    expect((await list("status=failed")).data.map(({ run_id: id }) => id)).toEqual([ids[1]]);
    const page = await list("order=asc&limit=1");
    expect([page.data[0]?.run_id, page.has_more]).toEqual([ids[0], true]);
    expect((await list(`order=asc&after=${ids[0]}`)).data.map(({ run_id: id }) => id)).toEqual(ids.slice(1));
  });
});

describe("what cannot be", () => {
  test.each([
    [{}, "missing_required_parameter", "input"],
    [{ input: "" }, "invalid_value", "input"],
    [{ input: "x", previous_response_id: "resp_x" }, "previous_response_not_found", "previous_response_id"],
    [{ input: "x", webhook: "http://x" }, "unsupported_parameter", "webhook"],
    [{ input: "x", on_conflict: "shout" }, "invalid_value", "on_conflict"],
    [{ input: "x", session_id: "../x" }, "invalid_value", "X-Hermes-Session-Id"],
    [{ input: "x", metadata: { a: 1 } }, "invalid_value", "metadata.a"],
  ])("%j is refused by name", async (body, code, param) => {
    const { ask } = await open([]);
    const answer = await ask(URL, { body });
    expect([answer.status, answer.json().error]).toEqual([400, expect.objectContaining({ code, param })]);
  });

  test("what cannot be is not found", async () => {
    const { ask } = await open([]);
    for (const id of [`run_${"0".repeat(32)}`, "x", "run_"]) {
      expect((await ask(`${URL}/${id}`)).json().error.code).toBe("run_not_found");
      expect((await ask(`${URL}/${id}/events`)).status).toBe(404);
      expect((await ask(`${URL}/${id}/stop`, { method: "POST" })).status).toBe(404);
    }
  });

  test("what cannot be is no cursor", async () => {
    const { ask, create, ends } = await open([say("Hi.")]);
    const { run_id: id } = await create();
    await ends(id);
    for (const query of ["after=x", "last_seq=-1", "format=xml"])
      expect((await ask(`${URL}/${id}/events?${query}`)).status).toBe(400);
    const answer = await ask(`${URL}/${id}/events`, { headers: { "last-event-id": "x" } });
    expect([answer.status, answer.json().error.param]).toEqual([400, "Last-Event-ID"]);
    expect((await ask(`${URL}?after=x`)).json().error.param).toBe("after");
  });
});

describe("a session whose name no header can hold", () => {
  test.each(["日", "İ", "😀"])("%s is served as any other, and told percent-encoded", async (name) => {
    const { create, ends, ask } = await open(() => say("Hi."));
    expect(await ends((await create({ session_id: name })).run_id)).toMatchObject({ session_id: name });
    const answer = await ask(URL, { body: { input: "x", session_id: name } });
    expect([answer.status, answer.headers["x-hermes-session-id"]]).toEqual([202, encodeURIComponent(name)]);
    for (const path of ["chat", "chat/stream"]) {
      const said = await ask(`/api/sessions/${encodeURIComponent(name)}/${path}`, { body: { message: "x" } });
      expect([said.status, said.text]).toEqual([200, expect.stringContaining("Hi.")]);
    }
  });
});

describe("interrupting a session", () => {
  test("ends what goes on, and nothing that waits for its turn", async () => {
    const gate = createGate();
    const play: Play = (_request, n) => (n === 1 ? hold(gate) : say("Hi."));
    const { create, ends, read } = await open(play);
    const first = await create({ session_id: "s" });
    const second = await create({ session_id: "s" });
    await vi.waitFor(async () => expect((await read(first.run_id)).status).toBe("running"));
    const third = await create({ session_id: "s", on_conflict: "interrupt" });
    gate.open();
    expect((await ends(first.run_id)).status).toBe("cancelled");
    for (const { run_id } of [second, third]) expect((await ends(run_id)).status).toBe("completed");
  });
});

test("a number that no event of the run has yet is no place to read on from", async () => {
  const gate = createGate();
  const { create, ask } = await open(() => hold(gate));
  const { run_id: id } = await create();
  const refused = await ask(`${URL}/${id}/events`, { headers: { "last-event-id": "5000" } });
  expect([refused.status, refused.json<{ error: { code: string } }>().error.code]).toEqual([
    400,
    "invalid_cursor",
  ]);
  gate.open();
});
