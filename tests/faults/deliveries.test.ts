import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { vi } from "vitest";
import { startReceiver } from "../helpers/receiver.ts";
import { range } from "./answers.ts";
import { fault, randomFrom, SEED } from "./report.ts";
import { openPlace, type Place, type Server } from "./server.ts";

const ROW = {
  id: "R-04",
  what: "`kill -9` again and again while jobs end and their results go to a file, a session and a webhook: each arrives; in file and session once, at the webhook under one id",
  counts: { quick: 3, usual: 20, full: 100 },
};
const JOBS_PER_KILL = 10;
/** That one answer lists. */
const MESSAGES = 500;
const SESSION = "results";

fault(ROW, async (kills) => {
  const random = randomFrom(SEED);
  const receiver = await startReceiver((response) => setTimeout(() => response.end(), random() * 50));
  const yaml = JSON.stringify({ network: { allow_private: [receiver.place] }, jobs: { max_concurrent: 20 } });
  const place = await openPlace(() => ({ text: "Sunny." }), yaml);
  const deliver = ["local", `session:${SESSION}`, `webhook:${receiver.origin}/`];
  const ids: string[] = [];
  let server = await place.start();
  await server.ask("/api/sessions", { id: SESSION });
  for (const round of range(kills)) {
    for (const n of range(JOBS_PER_KILL)) {
      const made = await server.ask("/v1/jobs", {
        name: `job ${round}-${n}.`,
        prompt: "Look.",
        schedule: "in 1s",
        deliver,
      });
      ids.push(made.json.id);
    }
    await new Promise((resolve) => setTimeout(resolve, 900 + random() * 500));
    server.child.kill("SIGKILL");
    await server.ending();
    server = await place.start();
  }
  const failures = await unsettled(server, ids);
  failures.push(...(await wrong(place, { server, ids, received: receiver.received })));
  await server.stop();
  return { n: ids.length, failures };
});

/** Waits until every job's result was brought everywhere; which were not. */
async function unsettled(server: Server, ids: readonly string[]): Promise<string[]> {
  const failures: string[] = [];
  for (const id of ids) {
    const states = await vi.waitFor(
      async () => {
        const { json } = await server.ask(`/v1/jobs/${id}/runs`);
        const fires: { status: string; deliveries: { status: string }[] }[] = json.data;
        if (
          fires.some(
            ({ status, deliveries }) =>
              status === "queued" ||
              status === "running" ||
              deliveries.some((each) => each.status === "pending"),
          ) ||
          fires.length === 0
        )
          throw new Error(`it goes on: ${JSON.stringify(fires)}`);
        return fires.map(({ status, deliveries }) =>
          [status, ...deliveries.map((each) => each.status)].join(" "),
        );
      },
      { timeout: 60_000, interval: 50 },
    );
    if (states.join() !== "completed delivered delivered delivered") failures.push(`${id}: ${states.join()}`);
  }
  return failures;
}

interface Brought {
  server: Server;
  ids: readonly string[];
  received: readonly { headers: Record<string, string>; body: string }[];
}

/** What did not arrive as often as it should. */
async function wrong({ cwd }: Place, { server, ids, received }: Brought): Promise<string[]> {
  const failures: string[] = [];
  const said = await messages(server, ids.length * 2);
  for (const id of ids) {
    const name = (await server.ask(`/v1/jobs/${id}`)).json.name;
    const files = (await readdir(join(cwd, ".hermes", "cron", "output", id))).length;
    const told = said.split(`[${name}]`).length - 1;
    const hooks = new Set(
      received.filter(({ body }) => body.includes(`"${id}"`)).map(({ headers }) => headers["webhook-id"]),
    ).size;
    if (files !== 1 || told !== 1 || hooks !== 1)
      failures.push(`${name} ${files} files, ${told} messages, ${hooks} webhooks`);
  }
  return failures;
}

/** What the session says, as text; twice as many messages as there may be are looked for. */
async function messages(server: Server, most: number): Promise<string> {
  const pages = range(Math.ceil(most / MESSAGES)).map((n) => n * MESSAGES);
  const read = (offset: number) =>
    server.ask(`/api/sessions/${SESSION}/messages?limit=${MESSAGES}&offset=${offset}`);
  return (await Promise.all(pages.map(read))).map(({ text }) => text).join();
}
