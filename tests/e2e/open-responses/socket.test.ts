import OpenAI from "openai";
import { ResponsesWS } from "openai/resources/responses/ws";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Script } from "../../fake-upstream/script.ts";
import { type Live, type LiveOptions, send, startLive } from "../../helpers/live-app.ts";
import { checked, finalOf, type ResponseResource } from "../../helpers/open-responses.ts";
import { type SocketMessage, TestSocket } from "../../helpers/socket.ts";

/** The rows of the Open Responses suite that go over a WebSocket. */

const UPSTREAMS: [name: string, script: Script, options: LiveOptions][] = [
  ["the demo", [], { protocol: "demo" }],
  ["OpenAI's protocol", () => ({ text: "Hello to you." }), {}],
];
const user = (content: string) => ({ type: "message", role: "user", content });

function connect(live: Live): Promise<TestSocket> {
  return TestSocket.open(`${live.baseURL}/responses`);
}

/** One turn, whose events are all of their form. */
async function turn(socket: TestSocket, body: object): Promise<ResponseResource> {
  socket.send({ type: "response.create", model: "hermes-agent", ...body });
  return finalOf(checked(await socket.answer()));
}

async function failure(socket: TestSocket, body: object): Promise<SocketMessage> {
  const message = await socket.create({ model: "hermes-agent", ...body });
  expect(message.type).toBe("error");
  return message;
}

const NOT_FOUND = {
  status: 400,
  error: { code: "previous_response_not_found", param: "previous_response_id" },
};

describe.each(UPSTREAMS)("over %s", (_name, script, options) => {
  const open = async () => {
    const live = await startLive(script, options);
    return { live, socket: await connect(live) };
  };

  test("websocket-response, websocket-sequential-responses", async () => {
    const { socket } = await open();
    const first = await turn(socket, { input: [user("Say hello.")] });
    const second = await turn(socket, { input: [user("Again.")] });
    expect([first.status, second.status]).toEqual(["completed", "completed"]);
    expect(second.id).not.toBe(first.id);
  });

  test("websocket-continuation, websocket-reconnect-store-false-recovery", async () => {
    const { live, socket } = await open();
    const first = await turn(socket, { input: [user("I am Ann.")], store: false });
    const next = { input: [user("Who am I?")], store: false, previous_response_id: first.id };
    const second = await turn(socket, next);
    expect(second).toMatchObject({ status: "completed", previous_response_id: first.id, store: false });
    const other = await connect(live);
    expect(await failure(other, { ...next, previous_response_id: second.id })).toMatchObject(NOT_FOUND);
    expect((await turn(other, { input: [user("I am Ann. Who am I?")], store: false })).status).toBe(
      "completed",
    );
  });

  test("websocket-previous-response-not-found", async () => {
    const { socket } = await open();
    const unknown = { input: [user("Hello?")], previous_response_id: "resp_nonexistent" };
    expect(await failure(socket, unknown)).toMatchObject(NOT_FOUND);
  });

  test("websocket-failed-continuation-evicts-cache", async () => {
    const { socket } = await open();
    const first = await turn(socket, { input: [user("Hello.")], store: false });
    const previous = { store: false, previous_response_id: first.id };
    const output = { type: "function_call_output", call_id: "call_missing", output: "x" };
    expect((await failure(socket, { input: [output], ...previous })).status).toBe(400);
    expect(await failure(socket, { input: [user("Again.")], ...previous })).toMatchObject(NOT_FOUND);
  });

  test("websocket-compact-new-chain", async () => {
    const { live, socket } = await open();
    const first = await turn(socket, { input: [user("I am Ann.")] });
    const body = { model: "hermes-agent", previous_response_id: first.id };
    const { output } = (await (await send(live, "/v1/responses/compact", body)).json()) as {
      output: object[];
    };
    const next = await turn(socket, { input: [...output, user("Who am I?")], store: false });
    expect(next.status).toBe("completed");
  });
});

test("the openai SDK's socket follows turns with the server's own tools, and goes on from them", async () => {
  const read = { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };
  const live = await startLive([read, { text: "It is 7431." }, { text: "Still 7431." }], {
    files: { "notes.txt": "The code is 7431.\n" },
  });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  const socket = new ResponsesWS(client);
  onTestFinished(() => socket.close());
  const ended = () =>
    new Promise<OpenAI.Responses.Response>((resolve, reject) => {
      socket.once("response.completed", (event) => resolve(event.response as OpenAI.Responses.Response));
      socket.once("error", reject);
    });
  const body = { type: "response.create", model: "hermes-agent", store: false } as const;
  const firstEnd = ended();
  socket.send({ ...body, input: "What is the code?" });
  const first = await firstEnd;
  expect(first.output.map(({ type }) => type)).toEqual(["message", "mcp_call", "message"]);
  const secondEnd = ended();
  socket.send({ ...body, input: "Sure?", previous_response_id: first.id });
  expect((await secondEnd).output).toMatchObject([{ content: [{ text: "Still 7431." }] }]);
});
