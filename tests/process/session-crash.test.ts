import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { asChat } from "../fake-upstream/request.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { send } from "../helpers/live-app.ts";
import { openStream } from "../helpers/live-stream.ts";
import { serve } from "../helpers/process.ts";
import { sessionEvents } from "../helpers/sessions-app.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

interface Message {
  role: string;
  content: string | null;
}

test("a session's turn that kill -9 cut is gone on with, by its own prompt and model", async () => {
  const cwd = await temporaryDirectory();
  const upstream = await FakeUpstream.start([
    { toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] },
    { text: "It is", stall: { events: 2 } },
    { text: "It is 7431." },
  ]);
  onTestFinished(() => upstream.close());
  await mkdir(join(cwd, ".hermes"));
  await writeFile(join(cwd, "notes.txt"), "The code is 7431.\n");
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const start = async () => {
    const server = await serve({ cwd, env });
    const at = { origin: server.origin, apiKey: TEST_KEY };
    const ask = async (path: string, body?: object) =>
      (await send(at, `/api/sessions${path}`, body)).json() as Promise<{ data: Message[] }>;
    return { server, ask };
  };
  const first = await start();
  await first.ask("", { id: "s", system_prompt: "Be brief.", model: "locked-model" });
  const stream = await openStream(`${first.server.origin}/api/sessions/s/chat/stream`, {
    message: "What is the code?",
    system_message: "In prose.",
  });
  await stream.sees(/event: tool\.completed\n/);
  await upstream.requestArrived(2);
  first.server.child.kill("SIGKILL");
  await first.server.ending();
  // Who reads it sees that it was cut: there is no `done`.
  const cut = sessionEvents(`${(await stream.ended).split("\n\n").slice(0, -1).join("\n\n")}\n\n`);
  expect(cut.map(({ event }) => event)).not.toContain("done");

  const second = await start();
  await vi.waitFor(async () => {
    const { data } = await second.ask("/s/messages");
    expect(data.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
    expect(data.at(-1)?.content).toBe("It is 7431.");
  });
  for (const n of [1, 3]) {
    const { model, messages } = asChat(await upstream.requestArrived(n));
    expect(model).toBe("locked-model");
    const system = messages.filter(({ role }) => role === "system").map(({ content }) => content);
    expect(system.join("\n\n")).toMatch(/You are Hermes[\s\S]*Be brief\.\n\nIn prose\.$/);
  }
});
