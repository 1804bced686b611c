import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import type { Script } from "../fake-upstream/script.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve, type TestProcess } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const ODD_MACHINE = join(import.meta.dirname, "odd-machine.ts");

/** What every request of a test brings. */
export const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };

/** A server process, and how to ask it. */
export type Server = TestProcess & {
  origin: string;
  /** A body is sent by POST. @throws TypeError when the server dies before it answers. */
  ask(
    path: string,
    body?: object,
    more?: { method?: string; headers?: Record<string, string> },
  ): Promise<Told>;
};

/** An answer, as JSON. */
export interface Told {
  status: number;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it checks.
  json: any;
}

/** A home whose server is killed and started again, with one upstream all the time. */
export interface Place {
  /** The workspace of all its servers. */
  cwd: string;
  upstream: FakeUpstream;
  /** Starts a server and waits until it is healthy. */
  start(): Promise<Server>;
  /** How long each start took to the first healthy answer, ms. */
  starts: number[];
  /** What SQLite finds wrong with a copy of the database; "ok" when it is whole. Only while no server runs. */
  integrity(): Promise<string>;
}

/** What is odd about the machine of a place; see `odd-machine.ts`. */
export type OddMachine = { [name in "ODD_SYNC_MS" | "ODD_FIFO" | "ODD_CLOCK_MS"]?: string };

/** Makes a place that is removed with the test. */
export async function openPlace(script: Script, yaml = "", odd: OddMachine = {}): Promise<Place> {
  const cwd = await temporaryDirectory();
  const home = join(cwd, ".hermes");
  await mkdir(home);
  await writeFile(join(home, "config.yaml"), yaml);
  const isOdd = Object.keys(odd).length > 0;
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const env = {
    LLM_BASE_URL: upstream.origin,
    LLM_MODEL: "fake-model",
    API_SERVER_KEY: TEST_KEY,
    // As the image has them.
    MALLOC_TRIM_THRESHOLD_: "131072",
    NODE_OPTIONS: `--max-semi-space-size=8${isOdd ? ` --import ${ODD_MACHINE}` : ""}`,
    ...odd,
  };
  const starts: number[] = [];
  const start = async () => {
    const began = performance.now();
    const server = withAsk(await serve({ cwd, env: { ...env, LOG_LEVEL: "info" } }));
    const { status } = await server.ask("/health");
    if (status !== 200) throw new Error(`health answers ${status}`);
    starts.push(performance.now() - began);
    return server;
  };
  return { cwd, upstream, start, starts, integrity: () => integrityOf(home) };
}

function withAsk(server: TestProcess & { origin: string }): Server {
  const ask: Server["ask"] = async (path, body, { method, headers = {} } = {}) => {
    const response = await fetch(server.origin + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { ...HEADERS, ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, json: text.startsWith("{") ? JSON.parse(text) : undefined };
  };
  return Object.assign(server, { ask });
}

/** Looks at a copy: a database that is opened is changed. */
async function integrityOf(home: string): Promise<string> {
  const copy = await temporaryDirectory();
  for (const name of await readdir(home))
    if (name.startsWith("state.db")) await copyFile(join(home, name), join(copy, name));
  const db = new Database(join(copy, "state.db"));
  const found = String(db.pragma("integrity_check", { simple: true }));
  db.close();
  return found;
}

/** Kills a server after a time, and waits for its end. */
export async function killAfter(server: Server, ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  await server.stop("SIGKILL");
}
