import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve, TestProcess } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

/** Asks with `curl -N`, as a newcomer does, and gives the chunks as they came. */
async function curl(origin: string, content: string, cwd: string) {
  const body = JSON.stringify({ stream: true, messages: [{ role: "user", content }] });
  const args = ["-sN", `${origin}/v1/chat/completions`, "-H", `Authorization: Bearer ${TEST_KEY}`];
  const client = new TestProcess("curl", [...args, "-H", "Content-Type: application/json", "-d", body], {
    cwd,
  });
  expect(await client.ending()).toEqual({ code: 0, signal: null });
  const data = client.stdout.split("\n").filter((line) => line.startsWith("data: "));
  expect(data.at(-1)).toBe("data: [DONE]");
  const chunks = data.slice(0, -1).map((line) => JSON.parse(line.slice("data: ".length)));
  return {
    text: chunks.map(({ choices }) => choices[0].delta.content ?? "").join(""),
    pieces: chunks.filter(({ choices }) => choices[0].delta.content).length,
    tools: chunks.flatMap(({ hermes }) => (hermes?.type === "tool.progress" ? [hermes] : [])),
  };
}

const SYSTEM = process.platform === "darwin" ? "Darwin" : "Linux";

test("the demo runs tools, shows their progress and streams its answer, offline and through curl -N", async () => {
  const cwd = await temporaryDirectory();
  await writeFile(join(cwd, "README.md"), "Nothing to see.\n");
  const server = await serve({ cwd, env: { API_SERVER_KEY: TEST_KEY } });
  await server.says(/demo model: a rule-based stand-in/);
  const wanted = [
    { content: "list the files here", tool: "terminal", answer: "README.md" },
    { content: "run `uname -s`", tool: "terminal", answer: SYSTEM },
    { content: "read README.md", tool: "read_file", answer: "Nothing to see" },
    { content: "search for 'to see'", tool: "search_files", answer: "README.md:1: Nothing to see" },
  ];
  const answers = await Promise.all(wanted.map(({ content }) => curl(server.origin, content, cwd)));
  for (const [n, { text, tools, pieces }] of answers.entries()) {
    const { tool, answer } = wanted[n] ?? {};
    expect(tools).toMatchObject([
      { tool, status: "running", label: expect.any(String) },
      { tool, status: "completed" },
    ]);
    expect(text).toContain("rule-based stand-in, not a language model");
    expect(text).toContain(answer);
    expect(pieces).toBeGreaterThan(5);
  }
});

test("a log at its most talkative holds no key and no word of a conversation", async () => {
  const cwd = await temporaryDirectory();
  const secret = "sk-upstream-secret-0123456789";
  const refusal = { error: { message: `Incorrect API key provided: ${secret}.`, code: "invalid_api_key" } };
  const call = { toolCalls: [{ name: "terminal", arguments: { command: "echo canary-command" } }] };
  const upstream = await FakeUpstream.start([
    { status: 401, body: refusal },
    call,
    { text: "canary-answer" },
    { text: "x", failure: refusal },
  ]);
  onTestFinished(() => upstream.close());
  const env = {
    API_SERVER_KEY: TEST_KEY,
    LOG_LEVEL: "trace",
    LLM_BASE_URL: upstream.origin,
    LLM_MODEL: "m",
    LLM_API_KEY: secret,
  };
  const server = await serve({ cwd, env });
  const answers: string[] = [];
  for (const stream of [false, true, true]) {
    const response = await fetch(`${server.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ stream, messages: [{ role: "user", content: "canary-question" }] }),
    });
    answers.push(await response.text());
  }
  await fetch(`${server.origin}/v1/models?key=${TEST_KEY}`, {
    headers: { authorization: "Bearer canary-guess" },
  });
  await server.stop();
  expect(answers[1]).toContain("canary-answer");
  expect(answers.join("\n")).not.toContain(secret);
  expect(server.stdout + server.stderr).not.toMatch(/sk-upstream-secret|hermes-test-key|canary/);
});
