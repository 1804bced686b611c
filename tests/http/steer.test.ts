import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { eventsOf, LOOK, openRuns as open, RUNS as URL } from "../helpers/runs-app.ts";
import { hold, say } from "../helpers/scripted-provider.ts";

describe("words for a run that goes on", () => {
  test("reach the model with its next result, and stay in what was said", async () => {
    const gate = createGate();
    const { create, ends, ask, provider } = await open([[...hold(gate), ...LOOK], say("I will be brief.")]);
    const { run_id: id } = await create({ session_id: "s" });
    await gate.reached();
    for (const body of [{ input: "Be brief." }, { message: "And kind." }])
      expect((await ask(`${URL}/${id}/steer`, { body })).json()).toEqual({
        object: "hermes.run.steer",
        run_id: id,
        accepted: true,
      });
    gate.open();
    expect(await ends(id)).not.toHaveProperty("pending_steer");
    const read = provider.requests
      .at(-1)
      ?.items.map((item) => (item.type === "message" ? item.role : item.type));
    expect(read).toEqual([
      "user",
      "reasoning",
      "assistant",
      "function_call",
      "function_call_output",
      "user",
      "user",
    ]);
    const events = eventsOf((await ask(`${URL}/${id}/events`)).text);
    expect(events.filter(({ event }) => event === "run.steered")).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ output: "I will be brief." });
  });

  test("come back when the run ends without a call", async () => {
    const gate = createGate();
    const { create, ends, ask } = await open([[...say("one "), ...hold(gate), ...say("two")]]);
    const { run_id: id } = await create();
    await gate.reached();
    await ask(`${URL}/${id}/steer`, { body: { text: "Wait." } });
    gate.open();
    expect(await ends(id)).toMatchObject({ status: "completed", pending_steer: "Wait." });
    const { text } = await ask(`${URL}/${id}/events`);
    expect(eventsOf(text).at(-1)).toMatchObject({ event: "run.completed", pending_steer: "Wait." });
  });

  test("words for a run that goes on are refused when there are none, or nothing is there to take them", async () => {
    const { create, ends, ask } = await open(() => say("Hi."));
    const { run_id: id } = await create();
    await ends(id);
    for (const [body, status, code] of [
      [{ input: " " }, 400, "invalid_steer_input"],
      [{}, 400, "invalid_steer_input"],
      [{ input: "x" }, 409, "run_not_accepting_steer"],
    ] as const) {
      const answer = await ask(`${URL}/${id}/steer`, { body });
      expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    }
    expect((await ask(`${URL}/run_${"0".repeat(32)}/steer`, { body: { input: "x" } })).status).toBe(404);
  });
});
