import { describe, expect, test } from "vitest";
import { say } from "../helpers/scripted-provider.ts";
import { user } from "../helpers/session-app.ts";
import { openSessions } from "../helpers/sessions-app.ts";

describe("the model of a session", () => {
  const MODEL = { body: { model: "m-2", model_options: { reasoning_effort: "high" } } };

  test("the model of a session that it is locked to serves its turns on every surface, whatever they name", async () => {
    const { ask, at, create, chat, provider } = await openSessions(() => say("Hi."));
    await create({ id: "s" });
    const locked = await at("/s/model", MODEL);
    expect(locked.json()).toEqual({
      object: "hermes.session.model_lock",
      session_id: "s",
      runtime: {
        provider: "scripted",
        model: "m-2",
        route_source: "session_lock",
        requested: "m-2",
        model_lock: { model: "m-2" },
      },
    });
    expect(locked.text).not.toContain("high");
    const headers = { "x-hermes-session-id": "s" };
    const said = await chat("s", "a", { model: "m-3" });
    expect(said.runtime).toMatchObject({ model: "m-2", requested: "m-3", route_source: "session_lock" });
    const { model } = (
      await ask("/v1/chat/completions", { body: { model: "gpt-4o", messages: [user("b")] }, headers })
    ).json();
    expect(model).toBe("gpt-4o");
    await ask("/v1/responses", { body: { model: "x", input: "c", reasoning: { effort: "low" } }, headers });
    const served = provider.requests.map(({ model, settings }) => [model, settings.reasoningEffort]);
    expect(served).toEqual([
      ["m-2", "high"],
      ["m-2", "high"],
      ["m-2", "low"],
    ]);
  });

  test("the model of a session is given back by the default's name", async () => {
    const { at, create, chat, read } = await openSessions(() => say("Hi."));
    await create({ id: "s", model: "m-2" });
    expect(await read("s")).toMatchObject({ has_model_config: true, model: "m-2" });
    const answer = await at("/s/model", { body: { model: "default" } });
    expect(answer.json()).toMatchObject({ runtime: { model: "demo", route_source: "request" } });
    expect(await read("s")).toMatchObject({ has_model_config: false });
    expect((await chat("s", "Hello?")).runtime).toMatchObject({ model: "demo", route_source: "default" });
  });

  test("the model of a session is a turn's own where the session has none, and stays where that is required", async () => {
    const { create, chat, read, provider } = await openSessions(() => say("Hi."));
    await create({ id: "s" });
    expect((await chat("s", "a", { model: "m-2" })).runtime).toMatchObject({
      model: "m-2",
      route_source: "request",
    });
    expect((await chat("s", "b")).runtime).toMatchObject({ model: "demo" });
    const locked = await chat("s", "c", { model: "m-3", require_model_lock: true });
    expect(locked.runtime).toMatchObject({ model: "m-3", route_source: "session_lock" });
    await chat("s", "d", { require_model_lock: true });
    expect(provider.requests.map(({ model }) => model)).toEqual(["m-2", "demo", "m-3", "m-3"]);
    expect(await read("s")).toMatchObject({ has_model_config: true });
  });

  test.each([
    ["/s/model", {}, 400, "missing_model"],
    ["/s/model", { model_options: { fast: true } }, 400, "missing_model"],
    ["/s/model", { model: 7 }, 400, "invalid_value"],
    ["/s/model", { provider: "nobody" }, 400, "provider_not_found"],
    [
      "/s/chat",
      { message: "x", provider: "nobody", require_model_lock: true },
      409,
      "model_lock_unavailable",
    ],
  ])("POST %s %j is refused: %i %s", async (path, body, status, code) => {
    const { at, create, read } = await openSessions([]);
    await create({ id: "s" });
    const answer = await at(path, { body });
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    expect(await read("s")).toMatchObject({ has_model_config: false });
  });
});

describe("the system prompt of a session", () => {
  test("the system prompt of a session comes after the core prompt and before the turn's own, on every surface", async () => {
    const { ask, create, chat, provider } = await openSessions(() => say("Hi."));
    await create({ id: "s", system_prompt: "Be brief." });
    await chat("s", "a", { system_message: "In verse." });
    const headers = { "x-hermes-session-id": "s" };
    await ask("/v1/responses", { body: { input: "b" }, headers });
    await ask("/v1/chat/completions", { body: { messages: [user("c")] } });
    expect(provider.requests.map(({ instructions }) => instructions)).toEqual([
      "Be brief.\n\nIn verse.",
      "Be brief.",
      undefined,
    ]);
    for (const { core } of provider.requests) expect(core).toContain("You are Hermes");
  });
});
