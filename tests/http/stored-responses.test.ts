import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { framesOf } from "../helpers/frames.ts";
import { openStream } from "../helpers/live-stream.ts";
import { call, hold, type Play, say, scriptedProvider, think } from "../helpers/scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "../helpers/test-app.ts";

const URL = "/v1/responses";
const FILES = { "notes.txt": "The code is 7431.\n" };
const LOOK = [
  ...think("Let me ", "look."),
  ...say("I will ", "read."),
  ...call("read_file", { path: "notes.txt" }),
];

async function open(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, files: FILES, ...options });
  const create = async (body: object = {}, headers = {}) => {
    const answer = await app.ask(URL, { body: { input: "What is the code?", ...body }, headers });
    expect(answer.status).toBe(200);
    return answer;
  };
  return { ...app, provider, create };
}

/** The id of a streamed response. */
function idOf(text: string): string {
  return JSON.parse(framesOf(text)[0]?.data ?? "").response.id;
}

describe("a stored response", () => {
  test("a stored response is streamed again as it was, from any frame on", async () => {
    const { ask, create } = await open([LOOK, say("It is ", "7431.")]);
    const { text } = await create({ stream: true });
    const id = idOf(text);
    const frames = text.split("\n\n").slice(0, -1);
    expect(frames.length).toBeGreaterThan(25);
    expect((await ask(`${URL}/${id}?stream=true`)).text).toBe(text);
    for (const [index] of frames.slice(0, -1).entries()) {
      const rest = await ask(`${URL}/${id}?stream=true&starting_after=${index}`);
      expect(rest.text).toBe(
        frames
          .slice(index + 1)
          .map((frame) => `${frame}\n\n`)
          .join(""),
      );
    }
  });

  test.each([
    "mcp_call",
    "function_call",
    "none",
  ])("a stored response shows its calls as %s again, as when it was made", async (items) => {
    const { ask, create } = await open([LOOK, say("It is 7431.")]);
    const { text } = await create({ stream: true }, { "x-hermes-tool-items": items });
    const id = idOf(text);
    expect((await ask(`${URL}/${id}?stream=true`)).text).toBe(text);
    const last = JSON.parse(framesOf(text).at(-2)?.data ?? "").response;
    expect((await ask(`${URL}/${id}`)).json()).toEqual(last);
    expect(JSON.stringify(last)).not.toContain("tool_items");
  });

  test("a stored response can be followed while it is made, from its first event on", async () => {
    const gate = createGate();
    const { ask, listen, provider } = await open([[...say("one "), ...hold(gate), ...say("two")]]);
    const origin = await listen();
    const making = await openStream(origin + URL, { input: "x", stream: true });
    const [, id = ""] = await making.sees(/"id":"(resp_\w+)"/);
    await gate.reached();
    expect((await ask(`${URL}/${id}`)).json()).toMatchObject({ status: "in_progress", usage: null });
    const watching = await openStream(`${origin + URL}/${id}?stream=true`);
    await watching.sees(/one /);
    const late = await openStream(`${origin + URL}/${id}?stream=true&starting_after=2`);
    late.leave();
    watching.leave();
    const whole = await openStream(`${origin + URL}/${id}?stream=true`);
    gate.open();
    expect(await whole.ended).toBe(await making.ended);
    expect(making.text).toContain("response.completed");
    expect(provider.requests.length).toBe(1);
  });

  test.each([
    ["stream=maybe", "stream"],
    ["stream=true&starting_after=-1", "starting_after"],
    ["stream=true&starting_after=x", "starting_after"],
    ["stream=true&starting_after=1.5", "starting_after"],
    ["stream=true&starting_after=", "starting_after"],
  ])("a stored response refuses ?%s by name", async (query, param) => {
    const { ask, create } = await open([say("Hi.")]);
    const { id } = (await create()).json();
    const answer = await ask(`${URL}/${id}?${query}`);
    expect([answer.status, answer.json().error.param]).toEqual([400, param]);
  });

  test("a stored response that is unknown is 404, streamed too", async () => {
    const { ask } = await open([]);
    for (const id of [`resp_${"0".repeat(32)}`, "resp_x", "%00"])
      for (const url of [`${URL}/${id}`, `${URL}/${id}?stream=true`, `${URL}/${id}/input_items`])
        expect([url, (await ask(url)).status]).toEqual([url, 404]);
    expect((await ask(`${URL}/resp_x/cancel`, { method: "POST" })).status).toBe(404);
  });
});

describe("the list of responses", () => {
  test("the list of responses has them by age, in pages that join without a gap or a repeat", async () => {
    const { ask, create } = await open(() => say("Hi."));
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push((await create()).json().id);
    await create({ store: false });
    await ask("/v1/chat/completions", { body: { messages: [{ role: "user", content: "x" }] } });
    for (const order of ["asc", "desc"]) {
      const seen: string[] = [];
      for (let more = true; more; ) {
        const after = seen.length > 0 ? `&after=${seen.at(-1)}` : "";
        const page = await ask(`${URL}?limit=2&order=${order}${after}`);
        const { data, first_id, last_id, has_more } = page.json<{
          data: { id: string; status: string }[];
          first_id: string;
          last_id: string;
          has_more: boolean;
        }>();
        expect([first_id, last_id]).toEqual([data[0]?.id, data.at(-1)?.id]);
        expect(data.every(({ status }) => status === "completed")).toBe(true);
        seen.push(...data.map(({ id }) => id));
        more = has_more;
      }
      expect(seen).toEqual(order === "asc" ? ids : ids.toReversed());
    }
  });

  test("the list of responses is empty at first, and refuses what is no page", async () => {
    const { ask } = await open([]);
    expect((await ask(URL)).json()).toEqual({
      object: "list",
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
    for (const [query, param] of [
      ["limit=0", "limit"],
      ["limit=101", "limit"],
      ["order=up", "order"],
      ["after=x", "after"],
    ]) {
      const answer = await ask(`${URL}?${query}`);
      expect([answer.status, answer.json().error.param]).toEqual([400, param]);
    }
  });

  test("the list of responses of input items refuses a cursor that is not in it", async () => {
    const { ask, create } = await open([say("Hi.")]);
    const { id } = (await create()).json();
    const answer = await ask(`${URL}/${id}/input_items?after=msg_x`);
    expect([answer.status, answer.json().error.param]).toEqual([400, "after"]);
  });
});

describe("the cancellation of a response that a request waits for", () => {
  test("the cancellation of a response that a request waits for is refused, as OpenAI does", async () => {
    const { ask, create } = await open([say("Hi.")]);
    const { id } = (await create()).json();
    const answer = await ask(`${URL}/${id}/cancel`, { method: "POST" });
    expect([answer.status, answer.json().error.code]).toEqual([400, "response_not_cancellable"]);
  });

  test("the cancellation of a response that a request waits for stops it where the configuration allows it, and changes nothing afterwards", async () => {
    const gate = createGate();
    const config = { gateway: { api_server: { cancel_foreground_responses: true } } };
    const { ask, listen } = await open([[...say("one "), ...hold(gate)]], { config });
    const making = await openStream((await listen()) + URL, { input: "x", stream: true });
    const [, id = ""] = await making.sees(/"id":"(resp_\w+)"/);
    await gate.reached();
    const cancelled = (await ask(`${URL}/${id}/cancel`, { method: "POST" })).json();
    expect(cancelled.status).toBe("cancelled");
    expect(framesOf(await making.ended).at(-2)?.event).toBe("response.failed");
    expect((await ask(`${URL}/${id}/cancel`, { method: "POST" })).json()).toEqual(cancelled);
    expect((await ask(`${URL}/${id}`)).json()).toEqual(cancelled);
  });
});
