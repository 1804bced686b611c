import { readdir, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test, vi } from "vitest";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { send, startLive } from "../helpers/live-app.ts";
import { openRaw, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY, type TestApp } from "../helpers/test-app.ts";

const URL = "/v1/backup";
const HEADERS = { authorization: `Bearer ${TEST_KEY}` };

/** A backup as a file. */
async function taken(origin: string): Promise<string> {
  const response = await fetch(origin + URL, { headers: HEADERS });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/vnd.sqlite3"]);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(bytes.length).toBe(Number(response.headers.get("content-length")));
  const file = join(await temporaryDirectory(), "state.db");
  await writeFile(file, bytes);
  return file;
}

function lookInto<Result>(file: string, look: (db: Database.Database) => Result): Result {
  const db = new Database(file);
  try {
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    return look(db);
  } finally {
    db.close();
  }
}

const answered = (app: TestApp, input: string) =>
  app.ask("/v1/responses", { body: { input } }).then((answer) => answer.json().id);

describe("a backup", () => {
  test("taken under load is whole, and has every response that was acknowledged before", async () => {
    const text = "word ".repeat(2_000);
    const app = await openTestApp({ provider: scriptedProvider(() => say(text)) });
    const origin = await app.listen();
    const ids: string[] = [];
    for (let n = 0; n < 100; n++) ids.push(await answered(app, `${n}`));
    let goesOn = true;
    let meanwhile = 0;
    const load = Array.from({ length: 4 }, async () => {
      while (goesOn) {
        await answered(app, "more");
        meanwhile++;
      }
    });
    await vi.waitFor(() => expect(meanwhile).toBeGreaterThan(4));
    const file = await taken(origin);
    goesOn = false;
    await Promise.all(load);
    const has = lookInto(file, (db) => db.prepare<[], string>("SELECT id FROM runs").pluck().all());
    for (const id of ids) expect(has).toContain(id.replace("resp_", "run_"));
  });

  test("a backup in a new home is all that there was", async () => {
    const first = await openTestApp({ provider: scriptedProvider(() => say("My number is 7.")) });
    const id = await answered(first, "Say it.");
    const before = await first.ask(`/v1/responses/${id}`);
    const file = await taken(await first.listen());
    const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
    const second = await openTestApp({ store, provider: scriptedProvider(() => say("Yes.")) });
    expect((await second.ask(`/v1/responses/${id}`)).json()).toEqual(before.json());
    const body = { input: "Go on.", previous_response_id: id };
    expect((await second.ask("/v1/responses", { body })).status).toBe(200);
  });

  test("a backup leaves nothing behind, whether it is read or not", async () => {
    const { home, listen, ask } = await openTestApp();
    const origin = await listen();
    await taken(origin);
    const left = new AbortController();
    const response = await fetch(origin + URL, { headers: HEADERS, signal: left.signal });
    expect(response.status).toBe(200);
    left.abort();
    await vi.waitFor(async () => expect((await ask(URL)).status).toBe(200));
    expect((await readdir(home)).filter((name) => name.includes("backup"))).toEqual([]);
  });

  test("a backup is one at a time, and for this user only while it is made", async () => {
    const { store } = await hookedStore();
    const gate = createGate();
    const held = new Proxy(store, {
      get(target, key) {
        if (key === "copyTo")
          return async (file: string) => {
            await target.copyTo(file);
            await gate.pass();
          };
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const { ask, home } = await openTestApp({ store: held });
    const first = ask(URL);
    await gate.reached();
    expect((await stat(join(home, "state.db-backup"))).mode & 0o777).toBe(0o600);
    const second = await ask(URL);
    expect([second.status, second.json().error.code]).toEqual([409, "backup_in_progress"]);
    gate.open();
    expect((await first).status).toBe(200);
    expect((await ask(URL)).status).toBe(200);
  });

  test("a backup that would fill the disk is refused, and the next one is made when there is space", async () => {
    const { store } = await hookedStore();
    const { ask, home } = await openTestApp({ store });

    await writeFile(join(home, "state.db"), "");
    // A file with a hole takes no space, and would as a copy.
    await truncate(join(home, "state.db"), 2 ** 43);
    const answer = await ask(URL);
    expect([answer.status, answer.json().error.code]).toEqual([507, "insufficient_storage"]);
    await truncate(join(home, "state.db"), 0);
    expect((await ask(URL)).status).toBe(200);
  });

  test("a backup whose reader takes nothing is given up, and the next one is made", async () => {
    const config = { gateway: { api_server: { write_timeout_seconds: 0.2 } } };
    const app = await openTestApp({ config });
    const origin = await app.listen();
    // More than sockets hold.
    const body = JSON.stringify({ input: "word ".repeat(1_000_000), store: true });
    const headers = { ...HEADERS, "content-type": "application/json" };
    for (let n = 0; n < 3; n++) await fetch(`${origin}/v1/responses`, { method: "POST", headers, body });
    const raw = await openRaw(origin);
    raw.socket.once("data", () => raw.socket.pause());
    raw.send(rawRequest(`GET ${URL} HTTP/1.1`, HEADERS));
    await raw.until("SQLite format 3");
    expect((await app.ask(URL)).status).toBe(409);
    await vi.waitFor(async () => expect((await app.ask(URL)).status).toBe(200), { timeout: 10_000 });
  });

  test("a backup that is being made when the server stops keeps it from nothing", async () => {
    const live = await startLive([], { protocol: "demo" });
    for (let n = 0; n < 20; n++) await send(live, "/v1/responses", { input: "hello ".repeat(20_000) });
    const asked = send(live, URL).then(
      (response) => response.status,
      () => "cut",
    );
    await live.app.close();
    expect([200, 503, "cut"]).toContain(await asked);
    expect((await readdir(live.home)).filter((name) => name.includes("backup"))).toEqual([]);
  });
});
