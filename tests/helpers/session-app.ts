import { join } from "node:path";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { type ItemBody, joinText } from "../../src/domain/item.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { temporaryDirectory } from "./directory.ts";
import { type Play, type ScriptedProvider, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

export const SESSION = { "x-hermes-session-id": "s-1" };

/** A tool that a client declares. */
export const WEATHER = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

/** What somebody says. */
export const user = (content: string) => ({ role: "user", content });

/** A server whose model plays; `turn` says something in one session. */
export async function openSession(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ ...options, provider });
  const turn = (messages: object[], more: object = {}) =>
    app.ask("/v1/chat/completions", { body: { messages, ...more }, headers: SESSION });
  return { ...app, provider, turn };
}

/** A store of its own, for what only it can tell or make. */
export async function openStore(): Promise<Store> {
  const file = join(await temporaryDirectory(), "state.db");
  return openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
}

/** What the model read at its n-th call (from 1), in short. */
export function heard(provider: ScriptedProvider, n: number): string[] {
  return (provider.requests[n - 1]?.items ?? []).map(brief);
}

function brief(item: ItemBody): string {
  if (item.type === "message") return `${item.role}: ${joinText(item.content)}`;
  return item.type === "function_call_output" ? `result: ${joinText(item.output)}` : item.type;
}
