import type { FastifyInstance } from "fastify";
import type { ItemBody } from "../../src/domain/item.ts";
import { textOf } from "../../src/domain/item.ts";
import { type Play, type ScriptedProvider, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, TEST_KEY, type TestAppOptions } from "./test-app.ts";

/** Where chat requests go. */
export const CHAT = "/v1/chat/completions";
/** Goes on with one and the same session. */
export const SESSION = { "x-hermes-session-id": "s-1" };
/** A tool of the client. */
export const WEATHER = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

/** A message of the user. */
export const user = (content: string) => ({ role: "user", content });

/** A server whose model plays, and a way to say something in the one session. */
export async function openSession(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ ...options, provider });
  const turn = (messages: object[], more: object = {}) =>
    app.ask(CHAT, { body: { messages, ...more }, headers: SESSION });
  return { ...app, provider, turn };
}

/** What the model read at its n-th call (from 1), in short. */
export function heard(provider: ScriptedProvider, n: number): string[] {
  return (provider.requests[n - 1]?.items ?? []).map(brief);
}

function brief(item: ItemBody): string {
  if (item.type === "message") return `${item.role}: ${textOf(item.content)}`;
  return item.type === "function_call_output" ? `result: ${textOf(item.output)}` : item.type;
}

/** How many runs go on. */
export async function activeRuns(http: { inject: FastifyInstance["inject"] }): Promise<number> {
  const headers = { authorization: `Bearer ${TEST_KEY}` };
  return (await http.inject({ url: "/health/detailed", headers })).json<{ active_agents: number }>()
    .active_agents;
}
