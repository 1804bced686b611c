import { expect, test } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

const FILE = { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" };
const SAID = [{ role: "user", content: [{ type: "input_text", text: "Read it." }, FILE] }];
const CHAT_FILE = { type: "file", file: { filename: "a.pdf", file_data: FILE.file_data } };
const CHAT = [{ role: "user", content: [{ type: "text", text: "Read it." }, CHAT_FILE] }];

test.each([
  ["/v1/chat/completions", { messages: CHAT }],
  ["/v1/responses", { input: SAID }],
  ["/v1/runs", { input: SAID }],
])("a wrong idempotency key of %s is named before a file that cannot be read, and the file without it", async (url, body) => {
  const { ask } = await openTestApp({ provider: scriptedProvider(() => say("Hi.")) });
  const both = await ask(url, { body, headers: { "idempotency-key": "a b" } });
  expect([both.status, both.json().error.param]).toEqual([400, "Idempotency-Key"]);
  const file = await ask(url, { body });
  expect(file.status).toBe(400);
  expect(file.json().error.param).toMatch(/^(messages|input)\[0\]\.content\[1\]/);
});
