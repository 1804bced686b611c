import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { createApp, type Overrides } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { APPLICATION_ID } from "../../../src/config/profile.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { openFilesUnder, watchHandles } from "../../helpers/open-handles.ts";

/** What a start is made with. */
interface Start {
  overrides?: Overrides;
  env?: Record<string, string>;
  /** Does something to the database of a server that was here before. */
  harm?: (database: Database.Database) => void;
  /** What the home's store cannot do. */
  without?: string;
}

async function prepare({ overrides = {}, env = {}, harm, without }: Start) {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  await mkdir(home);
  const configured = { HERMES_HOME: home, LLM_PROVIDER: "demo", LOG_LEVEL: "silent", ...env };
  const config = loadConfig({ env: configured, cwd: directory });
  if (harm !== undefined) {
    const former = loadConfig({ env: { ...configured, LLM_PROVIDER: "demo" }, cwd: directory });
    await (await createApp(former, "a-key")).close();
    const database = new Database(config.home.databaseFile);
    harm(database);
    database.close();
  }
  const start = () => {
    if (without === undefined) return createApp(config, "a-key", overrides);
    const options = {
      file: config.home.databaseFile,
      applicationId: APPLICATION_ID,
      sync: "normal",
    } as const;
    const store = crippled(openSqliteStore(options), without);
    return createApp(config, "a-key", { ...overrides, store });
  };
  return { directory, start };
}

/** The same object, and what it holds, with one method that fails. */
function crippled<Target extends object>(target: Target, name: string): Target {
  return new Proxy(target, {
    get(of, key) {
      if (key === name) return () => Promise.reject(new Error("broken on purpose"));
      const value: unknown = Reflect.get(of, key);
      if (typeof value === "function") return value.bind(of);
      return key === "jobs" && typeof value === "object" && value !== null ? crippled(value, name) : value;
    },
  });
}

const broken = () => {
  throw new Error("broken on purpose");
};

const STARTS: Record<string, Start> = {
  "the database cannot be used": { harm: (database) => database.pragma("application_id = 7") },
  "the statements do not fit the database": {
    harm: (database) => database.exec("ALTER TABLE runs RENAME TO lost"),
  },
  "the configuration leads to no model": { env: { LLM_PROVIDER: "nobody" } },
  "a source of tools fails": { overrides: { toolSources: [{ list: broken }] } },
  "a plugin cannot be registered": { overrides: { beforeRoutes: async () => broken() } },
  "the routes of a part fail": { overrides: { parts: [{ name: "broken", routes: broken }] } },
  "the tools of a part fail": { overrides: { parts: [{ name: "broken", tools: { list: broken } }] } },
  "unfinished runs cannot be read": { without: "unfinishedRuns" },
  "the scheduler cannot start": { without: "openFires" },
  "the last part cannot start": { overrides: { parts: [{ name: "broken", start: async () => broken() }] } },
};

test.each(
  Object.keys(STARTS),
)("a start that fails because %s leaves no file, timer or socket open", async (name) => {
  const { directory, start } = await prepare(STARTS[name] ?? {});
  const watch = watchHandles();
  onTestFinished(watch.stop);
  await expect(start()).rejects.toThrow();
  expect(await watch.handles()).toEqual([]);
  expect(await openFilesUnder(directory)).toEqual([]);
});

test("a server that runs holds files and timers, and none after it is closed", async () => {
  const { directory, start } = await prepare({});
  const watch = watchHandles();
  onTestFinished(watch.stop);
  const app = await start();
  expect((await openFilesUnder(directory)).length).toBeGreaterThan(0);
  expect((await watch.handles()).length).toBeGreaterThan(3);
  await app.http.listen({ host: "127.0.0.1", port: 0 });
  await app.close();
  expect(await watch.handles()).toEqual([]);
  expect(await openFilesUnder(directory)).toEqual([]);
});

test("a start that fails after another can be repeated in the same home", async () => {
  let fails = true;
  const part = { name: "at first broken", start: async () => (fails ? broken() : undefined) };
  const { start } = await prepare({ overrides: { parts: [part] } });
  await expect(start()).rejects.toThrow("broken on purpose");
  fails = false;
  const app = await start();
  expect((await app.http.inject("/ready")).statusCode).toBe(200);
  await app.close();
});
