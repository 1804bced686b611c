import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { vi } from "vitest";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { openDatabase } from "../../src/storage/sqlite/db.ts";
import { storeOn } from "../../src/storage/sqlite/store.ts";
import { StorageError, type Store } from "../../src/storage/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { hermes } from "../helpers/process.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";
import { hear } from "./answers.ts";
import { fault, percentile } from "./report.ts";
import { HEADERS, openPlace, type Told } from "./server.ts";

const TEXT = "Some words of an answer that takes its place in the file. ".repeat(60);
const RECOVERY = {
  of: "space or lock is there again to the first stored answer, slowest",
  most: 2_000,
  unit: "ms",
};

/** What was acknowledged: whole answers as they came, and ids of what goes on by itself. */
interface Ledger {
  whole: Map<string, string>;
  begun: string[];
  failures: string[];
  refused: number;
}

/** A server whose store does as the test says, on a socket. */
async function openServer(store: Store) {
  const config = { gateway: { api_server: { max_concurrent_runs: 0 } } };
  const provider = scriptedProvider(() => say(...(TEXT.match(/.{1,80}/g) ?? [])));
  const app = await openTestApp({ provider, config, store, faultsExpected: true });
  const origin = await app.listen();
  const ask = async (path: string, body?: object): Promise<Told> => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(origin + path, { ...init, headers: HEADERS });
    const text = await response.text();
    return { status: response.status, text, json: JSON.parse(text) };
  };
  return { origin, ask };
}

type Asking = Awaited<ReturnType<typeof openServer>>;

/** Whether an answer says in OpenAI's words that it cannot be stored; anything else but a success is a failure. */
function isRefusal({ status, json, text }: Told, ledger: Ledger): boolean {
  if (status === 200 || status === 202) return false;
  const code = json?.error?.code;
  if (!(status === 507 && code === "storage_full") && !(status === 503 && code === "storage_unavailable"))
    ledger.failures.push(`${status} ${text.slice(0, 200)}`);
  ledger.refused++;
  return true;
}

/** Asks in every way until the store has refused some of it, or `goesOn` says that it is enough. */
async function load(server: Asking, ledger: Ledger, goesOn: () => boolean): Promise<void> {
  const live = { origin: server.origin, apiKey: HEADERS.authorization.slice("Bearer ".length) };
  const ways = [
    async () => {
      const told = await server.ask("/v1/responses", { input: "whole" });
      if (!isRefusal(told, ledger)) ledger.whole.set(told.json.id, told.text);
    },
    async () => {
      const told = await server.ask("/v1/responses", { input: "later", background: true });
      if (!isRefusal(told, ledger)) ledger.begun.push(told.json.id);
    },
    async () => {
      const told = await server.ask("/v1/runs", { input: "run" });
      if (!isRefusal(told, ledger)) ledger.begun.push(told.json.run_id);
    },
    async () => {
      const { end, code, text, id } = await hear(live as Parameters<typeof hear>[0], { input: "stream" });
      if (end === "failed" && /^storage_/.test(code ?? "")) ledger.refused++;
      else if (end !== "completed" || text !== TEXT)
        ledger.failures.push(`a stream ended as ${end} (${code})`);
      else if (id !== undefined) ledger.begun.push(id);
    },
    async () => {
      const messages = [{ role: "user", content: "chat" }];
      isRefusal(await server.ask("/v1/chat/completions", { messages }), ledger);
    },
  ];
  await Promise.all(
    ways.map(async (ask) => {
      while (goesOn()) await ask();
    }),
  );
}

/** All that was acknowledged can be read as it was. */
async function readAll(server: Asking, ledger: Ledger, some = Number.POSITIVE_INFINITY): Promise<void> {
  for (const [id, text] of [...ledger.whole].slice(-some)) {
    const told = await server.ask(`/v1/responses/${id}`);
    if (told.status !== 200 || told.text !== text) ledger.failures.push(`${id} reads ${told.status}`);
  }
}

/** What goes on by itself has come to an end that can be seen. */
async function allEnd(server: Asking, { begun, failures }: Ledger): Promise<void> {
  for (const id of begun) {
    const read = () => server.ask(`/v1/runs/${id}`);
    const ended = ({ json }: Told) => ["completed", "failed"].includes(json?.status);
    const told = await vi
      .waitFor(
        async () => {
          const found = await read();
          if (!ended(found)) throw new Error("it goes on");
          return found;
        },
        { timeout: 5_000, interval: 20 },
      )
      .catch(read);
    const { status, error, output } = told.json;
    const isWhole = status === "completed" && output === TEXT;
    const isTold = status === "failed" && /full|database/.test(error ?? "");
    if (told.status !== 200 || !(isWhole || isTold))
      failures.push(`${id}: ${told.status} ${status} ${error}`);
  }
}

/** How long it takes until something is stored again, ms. */
async function recovery(server: Asking, { failures }: Ledger): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < 10_000) {
    if ((await server.ask("/v1/responses", { input: "again" })).status === 200)
      return performance.now() - began;
    await sleep(20);
  }
  failures.push("nothing could be stored again");
  return performance.now() - began;
}

const newLedger = (): Ledger => ({ whole: new Map(), begun: [], failures: [], refused: 0 });

const FULL = {
  id: "R-08",
  what: "the disk fills up under load (`max_page_count`) and has space again: refused as 507 or 503, reads go on, nothing acknowledged is lost or changed, every run has its end",
  counts: { quick: 4, usual: 30, full: 200 },
  limit: RECOVERY,
};

fault(FULL, async (rounds) => {
  const file = join(await temporaryDirectory(), "state.db");
  // The limit is the connection's: the server's own must have it.
  const db = openDatabase({ file, applicationId: APPLICATION_ID });
  const server = await openServer(storeOn(db, { file, sync: "normal" }));
  const ledger = newLedger();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const pages = db.pragma("page_count", { simple: true }) as number;
    const enough = ledger.refused + 20;
    db.pragma(`max_page_count = ${pages + 40 + round}`);
    await load(server, ledger, () => ledger.refused < enough);
    await readAll(server, ledger, 10);
    db.pragma("max_page_count = 1000000000");
    times.push(await recovery(server, ledger));
  }
  await readAll(server, ledger);
  await allEnd(server, ledger);
  console.log(`${ledger.whole.size + ledger.begun.length} acknowledged, ${ledger.refused} refused`);
  return { failures: ledger.failures, figure: Math.max(...times) };
});

const LOCKED = {
  id: "R-09",
  what: "the database is locked for a while under load: refused as 503 with Retry-After, reads go on, nothing acknowledged is lost or changed, every run has its end",
  counts: { quick: 3, usual: 10, full: 50 },
  limit: RECOVERY,
};

fault(LOCKED, async (rounds) => {
  const hooked = await hookedStore();
  const server = await openServer(hooked.store);
  const ledger = newLedger();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const enough = ledger.refused + 20;
    let soon = 50;
    hooked.before = () => (soon-- > 0 ? undefined : Promise.reject(new StorageError("busy", "locked")));
    await load(server, ledger, () => ledger.refused < enough);
    const response = await fetch(`${server.origin}/v1/responses`, {
      method: "POST",
      headers: HEADERS,
      body: JSON.stringify({ input: "now" }),
    });
    if (response.status !== 503 || response.headers.get("retry-after") === null)
      ledger.failures.push(`${response.status} without Retry-After`);
    await response.text();
    await readAll(server, ledger, 10);
    hooked.before = () => undefined;
    times.push(await recovery(server, ledger));
  }
  await readAll(server, ledger);
  await allEnd(server, ledger);
  return { failures: ledger.failures, figure: Math.max(...times) };
});

const SECOND = {
  id: "R-09",
  what: "a second process on the database of a server under load: it ends with code 69 and one line, and no request of the first fails",
  counts: { quick: 3, usual: 15, full: 50 },
  limit: { of: "start to refusal, p99", most: 3_000, unit: "ms" },
};

fault(SECOND, async (rounds) => {
  const place = await openPlace(() => ({ text: "Here." }));
  const server = await place.start();
  const failures: string[] = [];
  let goesOn = true;
  let asked = 0;
  const asking = Array.from({ length: 4 }, async () => {
    while (goesOn) {
      const { status } = await server.ask("/v1/responses", { input: "x" });
      asked++;
      if (status !== 200) failures.push(`the first server answered ${status}`);
    }
  });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const second = hermes(["serve"], { cwd: place.cwd, env: { LLM_PROVIDER: "demo" } });
    const { code } = await second.ending(60_000);
    const { stderr } = second;
    times.push(performance.now() - began);
    if (code !== 69 || !/^hermes: Another process is using [^\n]*\n$/.test(stderr))
      failures.push(`the second process: ${code} ${stderr}`);
  }
  goesOn = false;
  await Promise.all(asking);
  if (asked === 0) failures.push("the first server was asked nothing");
  return { failures, figure: percentile(times, 0.99) };
});
