import { mkdir, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { type App, createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import { temporaryDirectory } from "./directory.ts";
import { FakeUpstream } from "./fake-upstream/fake-upstream.ts";
import type { Script } from "./fake-upstream/script.ts";

/** The key that clients of a live server send. */
export const LIVE_KEY = "hermes-live-key-0123456789";

/** What a live server is started with. */
export interface LiveOptions {
  /** Which protocol it speaks to the fake; `demo` asks no upstream at all. */
  protocol?: "chat-completions" | "anthropic-messages" | "demo";
  /** Over what is needed to start. */
  env?: Record<string, string>;
  /** The text of config.yaml. */
  yaml?: string;
  /** Files of the workspace, by path. */
  files?: Record<string, string>;
}

/** The real server on a real socket, between a client and a fake upstream. */
export interface Live {
  app: App;
  upstream: FakeUpstream;
  /** `http://127.0.0.1:<port>`, for raw requests. */
  origin: string;
  /** The origin and `/v1`: what users enter in their programs. */
  baseURL: string;
  apiKey: string;
  home: string;
  workspace: string;
}

/** Starts both; they end with the test. */
export async function startLive(script: Script = [], options: LiveOptions = {}): Promise<Live> {
  const directory = await temporaryDirectory();
  const [home, workspace] = [join(directory, "home"), join(directory, "workspace")];
  await mkdir(home);
  await mkdir(workspace);
  for (const [path, text] of Object.entries(options.files ?? {})) {
    await mkdir(dirname(join(workspace, path)), { recursive: true });
    await writeFile(join(workspace, path), text);
  }
  if (options.yaml !== undefined) await writeFile(join(home, "config.yaml"), options.yaml);
  const upstream = await FakeUpstream.start(script);
  const protocol = options.protocol ?? "chat-completions";
  const env = {
    HERMES_HOME: home,
    PATH: process.env["PATH"] ?? "",
    LOG_LEVEL: "silent",
    LLM_PROVIDER: protocol,
    ...(protocol !== "demo" && {
      LLM_BASE_URL: upstream.origin,
      LLM_API_KEY: "sk-upstream-canary",
      LLM_MODEL: "claude-sonnet-4-5",
    }),
    ...options.env,
  };
  const app = await createApp(loadConfig({ env, cwd: workspace }), LIVE_KEY);
  await app.http.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(async () => {
    await app.close();
    await upstream.close();
  });
  const origin = `http://127.0.0.1:${(app.http.server.address() as AddressInfo).port}`;
  return { app, upstream, origin, baseURL: `${origin}/v1`, apiKey: LIVE_KEY, home, workspace };
}

/** A raw request to a live server, with its key. */
export function send(
  { origin, apiKey }: Pick<Live, "origin" | "apiKey">,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(origin + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
