import { expect } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { type Live, type LiveOptions, send, startLive } from "./live-app.ts";

/** The model's call of a tool of the server, which finds "The code is 7431." */
export const READ = { toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };

/** What a frontend sends. */
export interface Sent {
  path?: string;
  headers?: Record<string, string>;
  body: object;
}

/** What a frontend reads: each event's name, if it has one, and its JSON. */
export async function play(live: Live, { path = "/v1/chat/completions", headers = {}, body }: Sent) {
  const response = await send(live, path, body, headers);
  const text = await response.text();
  const events = text.split("\n\n").filter((frame) => frame.includes("data: "));
  const data = events.map((frame) => frame.slice(frame.indexOf("data: ") + "data: ".length));
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  const chunks = isStream ? data.filter((line) => line !== "[DONE]").map((line) => JSON.parse(line)) : [];
  return {
    status: response.status,
    headers: response.headers,
    names: events.flatMap((frame) => /^event: (.*)$/m.exec(frame)?.[1] ?? []),
    chunks,
    done: data.at(-1) === "[DONE]",
    text: chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? "").join(""),
    json: isStream ? undefined : JSON.parse(text),
  };
}

/** A server for frontends, with the file that `READ` reads. */
export function startFor(script: Script, options: LiveOptions = {}): Promise<Live> {
  const files = { "notes.txt": "The code is 7431.\n" };
  return startLive(script, { files, yaml: "llm: { max_retries: 0 }", ...options });
}

/** What the model was asked by a frontend's own request: no tools, and nothing but the frontend's words. */
export async function plainCall(live: Live, n = 1) {
  const { tools, messages } = asChat(await live.upstream.requestArrived(n));
  expect(tools).toBeUndefined();
  return messages;
}
