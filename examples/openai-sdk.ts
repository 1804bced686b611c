/** Asks the server by OpenAI's own package: a whole answer, then a stream that shows which tools the server runs. */
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: `${process.env["HERMES_URL"] ?? "http://127.0.0.1:8642"}/v1`,
  apiKey: process.env["API_SERVER_KEY"] ?? "",
});

const completion = await client.chat.completions.create({
  model: "hermes-agent",
  messages: [{ role: "user", content: "What can you do?" }],
});
const [choice] = completion.choices;
assert.equal(choice?.finish_reason, "stop");
assert.ok(choice.message.content);
console.log(choice.message.content);

const stream = await client.chat.completions.create({
  model: "hermes-agent",
  messages: [{ role: "user", content: "List the files here" }],
  stream: true,
});
const tools = new Set<string>();
let text = "";
for await (const chunk of stream) {
  // What the server's own tools do comes as an extra field of ordinary chunks, never as tool calls for us to run.
  const { hermes } = chunk as { hermes?: { tool?: string; status?: string; label?: string } };
  if (hermes?.tool !== undefined) {
    tools.add(hermes.tool);
    if (hermes.status === "running") console.log(`[${hermes.tool}] ${hermes.label}`);
  }
  const delta = chunk.choices[0]?.delta.content ?? "";
  text += delta;
  process.stdout.write(delta);
}
console.log();
assert.ok(tools.size > 0, "no tool ran");
assert.ok(text.length > 0, "no text came");
