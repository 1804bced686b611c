import { onTestFinished } from "vitest";
import type { App } from "../../src/app/app.ts";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import type { Script } from "../fake-upstream/script.ts";
import { openTestApp, TEST_KEY } from "./test-app.ts";

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
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const protocol = options.protocol ?? "chat-completions";
  const env = {
    LOG_LEVEL: "silent",
    LLM_PROVIDER: protocol,
    ...(protocol !== "demo" && {
      LLM_BASE_URL: upstream.origin,
      LLM_API_KEY: "sk-upstream-canary",
      LLM_MODEL: "claude-sonnet-4-5",
    }),
    ...options.env,
  };
  const { files, yaml: config } = options;
  const opened = await openTestApp({ env, ...(files && { files }), ...(config && { config }) });
  const origin = await opened.listen();
  const { app, home, workspace } = opened;
  return { app, upstream, origin, baseURL: `${origin}/v1`, apiKey: TEST_KEY, home, workspace };
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
