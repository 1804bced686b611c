import { expect, test } from "vitest";
import type { Tool } from "../../src/tools/define.ts";
import type { ToolSource } from "../../src/tools/source.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { fakeTool } from "../helpers/agent-run.ts";
import { openChat } from "../helpers/chat-app.ts";
import { call, hold, type Play, say } from "../helpers/scripted-provider.ts";

/** A source whose tools change while the server runs, as those of a connected server do. */
function changingSource(...tools: Tool[]) {
  let [list, changed] = [tools, () => {}];
  const source: ToolSource = {
    list: () => ({ tools: list, toolsets: [{ name: "test", label: "Tests", description: "" }] }),
    onChange: (listener) => {
      changed = listener;
    },
  };
  const change = (...next: Tool[]) => {
    list = next;
    changed();
  };
  return { source, change };
}

const web = fakeTool("web_search", () => "found");
const weather = fakeTool("weather", () => "sunny");

async function openServer(play: Play, ...tools: Tool[]) {
  const { source, change } = changingSource(...tools);
  return { ...(await openChat(play, { toolSources: [source] })), change };
}

type Server = Awaited<ReturnType<typeof openServer>>;

const added = (names: readonly string[] = []) => names.filter((name) => /^web_search$|^weather$/.test(name));
const offered = ({ provider }: Server) =>
  provider.requests.map(({ tools }) => added(tools.map(({ name }) => name)));

test("new runs get the tools that a source has now, and a run keeps those that it began with", async () => {
  const gate = createGate();
  const play = [[...hold(gate), ...call("weather")], say("New."), say("Sunny.")];
  const server = await openServer(play, weather);
  const old = server.chat();
  await gate.reached();
  server.change(web);
  expect((await server.chat()).json().choices[0]?.message.content).toBe("New.");
  gate.open();
  expect((await old).json().choices[0]?.message.content).toBe("Sunny.");
  expect(offered(server)).toEqual([["weather"], ["web_search"], ["weather"]]);
  expect(server.provider.requests[2]?.items.at(-1)).toMatchObject({ output: "sunny" });
});

test("a toolset that a source brings later is listed, and jobs may name it", async () => {
  const { ask, change } = await openServer([]);
  const body = { prompt: "Look.", schedule: "@daily", enabled_toolsets: ["test"] };
  expect((await ask("/v1/jobs", { body })).status).toBe(400);
  change(weather);
  const { data } = (await ask("/v1/toolsets")).json<{ data: { name: string }[] }>();
  expect(data.at(-1)).toMatchObject({ name: "test", label: "Tests", tools: ["weather"] });
  expect((await ask("/v1/jobs", { body })).status).toBe(201);
  change();
  expect((await ask("/v1/jobs", { body })).status).toBe(400);
});

test("a tool that a source brings later stands for the hosted tool of its purpose", async () => {
  const { ask, change } = await openServer([say("Found.")]);
  const body = { input: "Search.", tools: [{ type: "web_search" }] };
  expect((await ask("/v1/responses", { body })).json().error.code).toBe("unsupported_tool");
  change(web);
  expect((await ask("/v1/responses", { body })).status).toBe(200);
});

test("a later source cannot replace a tool of the server, and the log says so", async () => {
  const { chat, provider, log } = await openServer(
    [call("read_file", { path: "missing.txt" }), say("Gone.")],
    fakeTool("read_file", () => "not the server's"),
  );
  await chat();
  expect(provider.requests[1]?.items.at(-1)).toMatchObject({ is_error: true });
  expect(log.map(({ msg }) => msg)).toEqual([
    "A second tool named read_file, of the toolset test, is left out.",
  ]);
});
