import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ReceivedRequest } from "../fake-upstream/request.ts";
import { mixedScript } from "./mixed-load.ts";
import { fault, randomFrom, SEED } from "./report.ts";
import { killAfter, openPlace, type Server, type Told } from "./server.ts";

const CLIENTS = 50;
/** One key of so many sees the server die. */
const KILL_EVERY = 5;
const ROW = {
  id: "R-05",
  what: `one \`Idempotency-Key\` from ${CLIENTS} clients at once, with \`kill -9\` at one key of ${KILL_EVERY}: one run, one effect, answers equal byte for byte, 409 for another body, the same after a restart`,
  counts: { quick: 15, usual: 150, full: 1_000 },
};

fault(ROW, async (keys) => {
  const failures: string[] = [];
  const random = randomFrom(SEED);
  const open = new Map<string, ReceivedRequest>();
  const place = await openPlace((request) => {
    const name = /job-\d+/.exec(request.rawBody.toString())?.[0] ?? "";
    const other = open.get(name);
    if (other?.outcome === "open") failures.push(`${name} runs twice at once`);
    open.set(name, request);
    return mixedScript(request);
  });
  let server = await place.start();
  const answers = new Map<string, string>();
  for (let n = 0; n < keys; n++) {
    const name = `job-${n}`;
    const told: Told[] = [];
    if (n % KILL_EVERY === 0) {
      await Promise.all([askAll(server, name, told), killAfter(server, random() * 120)]);
      server = await place.start();
    }
    await askAll(server, name, told);
    const all = new Set(told.map(({ status, text }) => `${status} ${text}`));
    if (all.size !== 1) failures.push(`${name} has several answers: ${[...all].join("\n")}`);
    // A tool that had begun when the server died is not begun again; everything else succeeds.
    const [answer = ""] = all;
    if (!answer.startsWith("200 ") && !(n % KILL_EVERY === 0 && answer.includes("server_restarted")))
      failures.push(`${name}: ${answer}`);
    answers.set(name, answer);
    const other = await ask(server, name, `another ${name}`);
    if (other.status !== 409) failures.push(`${name} with another body: ${other.status} ${other.text}`);
  }
  await server.stop("SIGKILL");
  server = await place.start();
  for (const [name, answer] of answers) {
    const { status, text } = await ask(server, name);
    if (`${status} ${text}` !== answer) failures.push(`${name} after a restart: ${status} ${text}`);
  }
  const written = (await readFile(join(place.cwd, "effects.txt"), "utf8")).trim().split("\n");
  const twice = written.filter((name, i) => written.indexOf(name) !== i);
  return { failures: [...failures, ...twice.map((name) => `${name} took effect twice`)] };
});

function ask(server: Server, name: string, input = name): Promise<Told> {
  return server.ask("/v1/responses", { input }, { headers: { "idempotency-key": name } });
}

/** Collects the answers that came; a server that dies gives none. */
async function askAll(server: Server, name: string, told: Told[]): Promise<void> {
  const asking = Array.from({ length: CLIENTS }, async () => told.push(await ask(server, name)));
  await Promise.allSettled(asking);
}
