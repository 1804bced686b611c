import { HELLO } from "./chat.ts";
import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

/** A server whose model plays; `chat` asks it, with a greeting unless the body has messages. */
export async function openChat(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ ...options, provider });
  const chat = (body: object = {}, headers: Record<string, string> = {}) =>
    app.ask("/v1/chat/completions", { body: { messages: HELLO, ...body }, headers });
  return { ...app, provider, chat };
}
