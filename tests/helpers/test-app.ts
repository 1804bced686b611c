import { mkdir, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { type App, createApp, type Overrides } from "../../src/app/app.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Provider } from "../../src/providers/provider.ts";
import type { Store } from "../../src/storage/store.ts";
import { checkAnswer } from "../contract/openapi.ts";
import { temporaryDirectory } from "./directory.ts";
import { openRaw, type RawSocket, rawRequest } from "./raw-socket.ts";

/** The key that clients of a test's server send. */
export const TEST_KEY = "hermes-test-key-0123456789";

/** What a test's server is made with. */
export interface TestAppOptions {
  /** Answers in place of every upstream; without it and without an upstream in `env`, the demo does. */
  provider?: Provider;
  /** In place of the home's own; it is closed with the server. */
  store?: Store;
  /** Over what is needed to start. */
  env?: Record<string, string>;
  /** config.yaml: its text, or what stands in it. */
  config?: string | object;
  /** Files of the workspace, by path. */
  files?: Record<string, string>;
  /** More tools, beside the server's own. */
  toolSources?: Overrides["toolSources"];
  /** More channels that results of jobs are delivered by. */
  channels?: Overrides["channels"];
  /** More parts, after the server's own. */
  parts?: Overrides["parts"];
  /** Sees the routes before they are added. */
  beforeRoutes?: Overrides["beforeRoutes"];
  /** Set where the server itself is made to fail; else a fault in its log fails the test. */
  faultsExpected?: boolean;
}

/** A request; its body is sent as JSON unless it is text. */
export interface TestRequest {
  /** Default: POST with a body, else GET. */
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  body?: unknown;
  /** Over the key and the content type; undefined leaves one out. */
  headers?: Record<string, string | undefined>;
}

/** An answer that is as openapi.yaml says. */
export interface TestAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The body as JSON. @throws SyntaxError when it is none. */
  json<Body = AnyBody>(): Body;
}

/** Fields of most answers; which of them an answer has, openapi.yaml says. */
export interface AnyBody {
  error: { message: string; type: string; param: string | null; code: string };
  id: string;
  model: string;
  choices: { message: { content: string | null; tool_calls?: { id: string }[] }; finish_reason: string }[];
  hermes: Record<string, unknown>;
  status: string;
}

/** The real server over temporary directories. */
export interface TestApp {
  app: App;
  home: string;
  workspace: string;
  /** What was logged, one object per line. */
  log: { level: number; msg: string; [key: string]: unknown }[];
  /** Asks without a socket, with the key. @throws Error when the answer is not as documented. */
  ask(url: string, request?: TestRequest): Promise<TestAnswer>;
  /** Begins to listen on loopback; resolves with `http://127.0.0.1:<port>`. */
  listen(): Promise<string>;
  /** Sends a chat request on a connection of its own, which shows bytes as they come; after `listen`. */
  talk(body: object, headers?: Record<string, string>): Promise<RawSocket>;
  /** Resolves when so many runs are going on. */
  running(count: number): Promise<void>;
}

/** Makes a server that ends with the test. */
export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { home, workspace } = await directories(options);
  const env = {
    HERMES_HOME: home,
    PATH: process.env["PATH"] ?? "",
    LOG_LEVEL: "warn",
    LLM_PROVIDER: "demo",
    ...options.env,
  };
  const log: TestApp["log"] = [];
  const config = loadConfig({ env, cwd: workspace });
  const app = await createApp(config, TEST_KEY, {
    log: { level: config.settings.log.level, stream: { write: (line) => log.push(JSON.parse(line)) } },
    ...(options.provider && { provider: options.provider }),
    ...(options.store && { store: options.store }),
    ...(options.toolSources && { toolSources: options.toolSources }),
    ...(options.channels && { channels: options.channels }),
    ...(options.parts && { parts: options.parts }),
    ...(options.beforeRoutes && { beforeRoutes: options.beforeRoutes }),
  });
  onTestFinished(async () => {
    await app.close();
    const faults = log.filter(({ level }) => level >= ERROR_LEVEL);
    if (faults.length > 0 && !options.faultsExpected) throw new Error(`faults: ${JSON.stringify(faults)}`);
  });
  const listen = async () => {
    await app.http.listen({ host: "127.0.0.1", port: 0 });
    return originOf(app);
  };
  return {
    app,
    home,
    workspace,
    log,
    listen,
    ask: (url, request) => inject(app, url, request),
    talk: (body, headers) => talk(app, body, headers),
    running: (count) => running(app, count),
  };
}

const ERROR_LEVEL = 50;

async function directories({ config, files = {} }: TestAppOptions) {
  const directory = await temporaryDirectory();
  const [home, workspace] = [join(directory, "home"), join(directory, "workspace")];
  await mkdir(home);
  await mkdir(workspace);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, path)), { recursive: true });
    await writeFile(join(workspace, path), text);
  }
  // JSON is YAML, too.
  const yaml = typeof config === "object" ? JSON.stringify(config) : config;
  if (yaml !== undefined) await writeFile(join(home, "config.yaml"), yaml);
  return { home, workspace };
}

function originOf(app: App): string {
  return `http://127.0.0.1:${(app.http.server.address() as AddressInfo).port}`;
}

/** A request as it goes out. */
function outgoing({ method, body, headers = {} }: TestRequest) {
  const all = {
    authorization: `Bearer ${TEST_KEY}`,
    ...(body !== undefined && { "content-type": "application/json" }),
    ...headers,
  };
  const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  return {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
    ...(payload !== undefined && { body: payload }),
  };
}

async function inject(app: App, url: string, request: TestRequest = {}): Promise<TestAnswer> {
  const { method, headers, body } = outgoing(request);
  const response = await app.http.inject({ method, url, headers, ...(body !== undefined && { body }) });
  const given = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
  const answer = { status: response.statusCode, headers: Object.fromEntries(given), text: response.body };
  return checked(method, url, answer);
}

async function talk(app: App, body: object, headers: Record<string, string> = {}): Promise<RawSocket> {
  const raw = await openRaw(originOf(app));
  const bytes = Buffer.from(JSON.stringify(body));
  const { headers: usual } = outgoing({ body });
  const head = { ...usual, "content-length": String(bytes.length), ...headers };
  raw.send(rawRequest("POST /v1/chat/completions HTTP/1.1", head));
  raw.send(bytes);
  return raw;
}

async function running(app: App, count: number): Promise<void> {
  const { headers } = outgoing({});
  const active = async () => {
    const answer = await app.http.inject({ url: "/health/detailed", headers });
    return answer.json<{ active_agents: number }>().active_agents;
  };
  await vi.waitFor(async () => expect(await active()).toBe(count), { interval: 5, timeout: 5_000 });
}

function checked(method: string, url: string, answer: Omit<TestAnswer, "json">): TestAnswer {
  checkAnswer({ method, url, ...answer });
  return { ...answer, json: () => JSON.parse(answer.text) };
}
