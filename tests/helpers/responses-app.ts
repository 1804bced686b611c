import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

/** A server whose model plays; `respond` asks it for a response, to a greeting unless the body has an input. */
export async function openResponses(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ ...options, provider });
  const respond = (body: object = {}, headers: Record<string, string> = {}) =>
    app.ask("/v1/responses", { body: { input: "Hello?", ...body }, headers });
  return { ...app, provider, respond };
}
