import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { TestSocket } from "./socket.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

/** A server that listens, whose model plays answers; `connect` opens a WebSocket to it. */
export async function openSockets(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const opened = await openTestApp({ provider, ...options });
  const origin = await opened.listen();
  const connect = (headers?: Record<string, string>) => TestSocket.open(`${origin}/v1/responses`, headers);
  return { ...opened, provider, origin, connect };
}
