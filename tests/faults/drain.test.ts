import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { temporaryDirectory } from "../helpers/directory.ts";
import { openWire } from "../helpers/wire-client.ts";
import { checkLedger } from "./mixed-check.ts";
import { type Ledger, load, mixedScript, newLedger } from "./mixed-load.ts";
import { fault, percentile, randomFrom, SEED } from "./report.ts";
import { HEADERS, openPlace, type Server } from "./server.ts";

const GRACE_S = 1;
/** What a chat of this load says last; a word now and then. */
const LAST_WORD = "enough.";
const TALK = { text: `One two three four five six seven ${LAST_WORD}`, split: "events" } as const;
const ROW = {
  id: "R-63",
  what: `SIGTERM under mixed load: new work is refused, \`/ready\` is 503, streams end well or with an error in the ${GRACE_S} s they have, background work is gone on with by the next process, nothing acknowledged is lost, exit code 0`,
  counts: { quick: 5, usual: 30, full: 200 },
  limit: { of: "to the exit, max", most: GRACE_S * 1_000 + 1_000, unit: "ms" },
};

fault(ROW, async (rounds) => {
  const random = randomFrom(SEED);
  const place = await openPlace((request) => {
    const pace = /#(\d+)#/.exec(request.rawBody.toString())?.[1];
    // Some of them take longer than there is time.
    return pace === undefined ? mixedScript(request) : { ...TALK, drip: { everyMs: Number(pace) } };
  }, `gateway: { api_server: { drain_timeout_seconds: ${GRACE_S} } }`);
  const ledger = newLedger();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const server = await place.start();
    const loading = load(server, round, ledger);
    const talks = [5, 20, 60, 400].map((pace) => talk(server, pace));
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 300));
    const began = performance.now();
    server.child.kill("SIGTERM");
    await server.says(/SIGTERM: no new work is taken/);
    await checkRefusals(server, ledger);
    const { code } = await server.ending();
    times.push(performance.now() - began);
    if (code !== 0) ledger.failures.push(`round ${round}: exit code ${code}`);
    for (const text of await Promise.all(talks))
      if (!isEnded(text)) ledger.failures.push(`a stream ends: ${text}`);
    await loading;
  }
  await checkLedger(await place.start(), place, ledger);
  return { failures: ledger.failures, figure: percentile(times, 1) };
});

const HANGING = {
  id: "R-63",
  what: "SIGTERM, SIGINT, SIGHUP, and one of them twice, to a server one of whose threads hangs in the system, with a stream that takes longer than the 1 s it has: the process is gone",
  counts: { quick: 4, usual: 16, full: 100 },
  limit: { of: "to the exit, max", most: GRACE_S * 1_000 + 1_000, unit: "ms" },
};

fault(HANGING, async (rounds) => {
  const fifo = join(await temporaryDirectory(), "fifo");
  execFileSync("mkfifo", [fifo]);
  const drain = `gateway: { api_server: { drain_timeout_seconds: ${GRACE_S} } }`;
  const stalled = { text: "One two", stall: { events: 2 } } as const;
  const place = await openPlace(() => stalled, drain, { ODD_FIFO: fifo });
  const failures: string[] = [];
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const server = await place.start();
    const talking = talk(server, 0);
    await place.upstream.requestArrived(round + 1);
    const signal = (["SIGTERM", "SIGINT", "SIGHUP"] as const)[round % 3] ?? "SIGTERM";
    const began = performance.now();
    server.child.kill(signal);
    await server.says(/no new work is taken/);
    const isTwice = round % 4 === 3;
    if (isTwice) server.child.kill(signal);
    await server.ending();
    times.push(performance.now() - began);
    const text = await talking;
    if (!isTwice && !isEnded(text)) failures.push(`a stream ends: ${text}`);
  }
  return { failures, figure: percentile(times, 1) };
});

/** Everything that a streamed chat says; "" when it was never begun. */
async function talk({ origin }: Server, paceMs: number): Promise<string> {
  const body = { stream: true, messages: [{ role: "user", content: `#${paceMs}#` }] };
  const { answer } = openWire(`${origin}/v1/chat/completions`, body, HEADERS);
  return answer.then(
    ({ bytes, complete }) => (complete ? bytes.toString() : `${bytes} (cut)`),
    () => "",
  );
}

/** A stream says all, or why not; in both cases it says that it is over. */
function isEnded(text: string): boolean {
  if (text === "" || text.includes("gateway_draining")) return true;
  const isWhole = text.includes(LAST_WORD) && text.includes('"finish_reason":"stop"');
  return text.endsWith("data: [DONE]\n\n") && (isWhole || text.includes('"code":"server_shutdown"'));
}

/** Nobody is let in any more; a connection that is refused says so, too. */
async function checkRefusals(server: Server, { failures }: Ledger): Promise<void> {
  const asked = [
    ["/ready", undefined],
    ["/v1/responses", { input: "job-0" }],
    ["/v1/runs", { input: "job-0" }],
  ] as const;
  for (const [path, body] of asked) {
    const status = await server.ask(path, body).then(
      (told) => told.status,
      () => "refused",
    );
    if (status !== 503 && status !== "refused") failures.push(`${path} answers ${status} while it drains`);
  }
}
