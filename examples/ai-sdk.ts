/** Asks the server by the AI SDK: one request each, however many tools the server runs meanwhile. */
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const hermes = createOpenAICompatible({
  name: "hermes",
  baseURL: `${process.env["HERMES_URL"] ?? "http://127.0.0.1:8642"}/v1`,
  apiKey: process.env["API_SERVER_KEY"] ?? "",
  includeUsage: true,
});

const { text, usage } = await generateText({ model: hermes("hermes-agent"), prompt: "Run `uname -a`" });
assert.ok(text.length > 0, "no text came");
assert.ok((usage.outputTokens ?? 0) > 0, "no usage came");
console.log(text);

const { fullStream, finishReason } = streamText({
  model: hermes("hermes-agent"),
  prompt: "List the files here",
});
for await (const part of fullStream) {
  if (part.type === "error") throw part.error;
  if (part.type === "text-delta") process.stdout.write(part.text);
}
console.log();
assert.equal(await finishReason, "stop");
