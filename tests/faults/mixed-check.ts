import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { type Ledger, SESSION } from "./mixed-load.ts";
import type { Place, Server } from "./server.ts";

const UNFINISHED = ["queued", "in_progress", "running", "stopping"];

/**
 * Compares what the server says with what it said yes to; what is wrong goes to the ledger's failures. The names of the
 * jobs that were given up after five attempts.
 */
export async function checkLedger(server: Server, place: Place, ledger: Ledger): Promise<Set<string>> {
  const givenUp = await checkJobs(server, place, ledger);
  await checkAnswers(server, ledger);
  await checkTold(server, ledger, givenUp);
  return givenUp;
}

/** Every job ends, and did what it says that it did. The names of those that were given up after five attempts. */
async function checkJobs(server: Server, { cwd }: Place, { background, runs, failures }: Ledger) {
  const jobs = [
    ...[...background].map(([name, id]) => ({ name, path: `/v1/responses/${id}` })),
    ...[...runs].map(([name, id]) => ({ name, path: `/v1/runs/${id}` })),
  ];
  const interrupted = new Set<string>();
  for (const { name, path } of jobs) {
    const found = await vi.waitFor(
      async () => {
        const { status, json } = await server.ask(path);
        if (status === 200) expect(UNFINISHED).not.toContain(json.status);
        return { status, json };
      },
      { timeout: 20_000, interval: 20 },
    );
    const output = JSON.stringify(found.json.output ?? "");
    const written = await timesWritten(cwd, name);
    const isDone = found.json.status === "completed" && output.includes(`${name} is done`);
    const isGivenUp = /server_restarted|interrupted/.test(
      JSON.stringify([found.json.status, found.json.error]),
    );
    if (isGivenUp) interrupted.add(name);
    // A run's own words are all that it shows; what the model read of its call is in its events.
    const isTold = async () => output.includes("outcome is unknown") || (await wasTold(server, path));
    const isTrue = written === 1 || (written === 0 && (isGivenUp || (await isTold())));
    if (found.status !== 200 || !(isDone || isGivenUp) || !isTrue)
      failures.push(`${name} ${path}, written ${written} times: ${JSON.stringify(found)}`);
  }
  return interrupted;
}

async function timesWritten(cwd: string, name: string): Promise<number> {
  const effects = await readFile(join(cwd, "effects.txt"), "utf8").catch(() => "");
  return effects.split("\n").filter((line) => line === name).length;
}

async function wasTold(server: Server, path: string): Promise<boolean> {
  const { text } = await server.ask(`${path.replace("/responses/", "/runs/")}/events?format=agent`);
  return text.includes("outcome is unknown");
}

/** What was answered is what is read, what was deleted is gone, and what a watcher saw is seen again. */
async function checkAnswers(server: Server, { whole, deleted, seen, failures }: Ledger) {
  for (const [id, answer] of whole) {
    const { json } = await server.ask(`/v1/responses/${id}`);
    if (JSON.stringify(json) !== JSON.stringify(answer))
      failures.push(`${id}: ${JSON.stringify([answer, json])}`);
  }
  for (const id of deleted) {
    const { status } = await server.ask(`/v1/responses/${id}`);
    if (status !== 404) failures.push(`${id} was deleted and answers ${status}`);
  }
  for (const run of new Set(seen.map((event) => event.run))) {
    const { text } = await server.ask(`/v1/runs/${run}/events`);
    const lost = seen.filter(
      (event) => event.run === run && !text.includes(`id: ${event.id}\ndata: ${event.data}\n`),
    );
    failures.push(...lost.map(({ id, data }) => `${run} has lost ${id} ${data}`));
  }
}

/** A conversation and a session hold what they were told, once; what was given up is no part of the session. */
async function checkTold(server: Server, { told, failures }: Ledger, givenUp: ReadonlySet<string>) {
  const said = await saidIn(server);
  if (new Set(said).size !== said.length) failures.push(`told twice: ${said}`);
  failures.push(...told.conversation.filter((name) => !said.includes(name)).map((name) => `lost: ${name}`));
  const { json } = await server.ask("/v1/responses", { input: "talk-0" }, { headers: SESSION });
  const [, heard = ""] = /heard ([^"]*)"/.exec(JSON.stringify(json.output)) ?? [];
  for (const name of told.session.filter((other) => !givenUp.has(other))) {
    const times = heard.split(" ").filter((other) => other === name).length;
    if (times !== 1) failures.push(`the session heard ${name} ${times} times: ${heard}`);
  }
}

/** What people said in the conversation, in order. */
async function saidIn(server: Server): Promise<string[]> {
  const said: string[] = [];
  for (let after = ""; ; ) {
    const { json } = await server.ask(`/v1/conversations/kills/items?order=asc&limit=100${after}`);
    if (json.data === undefined) return said;
    for (const item of json.data) if (item.role === "user") said.push(item.content?.[0]?.text ?? "");
    if (!json.has_more) return said;
    after = `&after=${json.last_id}`;
  }
}
