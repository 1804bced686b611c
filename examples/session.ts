/** A conversation that the server remembers: each request sends only what is new, and names the session. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const url = `${process.env["HERMES_URL"] ?? "http://127.0.0.1:8642"}/v1/chat/completions`;
const session = randomUUID();

interface Answer {
  choices: [{ message: { content: string } }];
  usage: { prompt_tokens: number };
}

async function say(content: string): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${process.env["API_SERVER_KEY"]}`,
      "content-type": "application/json",
      "x-hermes-session-id": session,
    },
    body: JSON.stringify({ model: "hermes-agent", messages: [{ role: "user", content }] }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(response.headers.get("x-hermes-session-id"), session);
  const answer = (await response.json()) as Answer;
  console.log(`> ${content}\n${answer.choices[0].message.content}\n`);
  return answer;
}

const first = await say("List the files here");
const second = await say("Thank you! And now?");
// The second request was as short as the first, yet the model read the whole conversation.
assert.ok(second.usage.prompt_tokens > first.usage.prompt_tokens / 2);
