import type { Reply } from "../fake-upstream/script.ts";
import { type Live, startLive } from "../helpers/live-app.ts";
import { openRaw, type RawSocket, rawRequest } from "../helpers/raw-socket.ts";
import { forEach, numberOf, range } from "./answers.ts";
import { openFiles, settledRssKb } from "./process-memory.ts";
import { FORM, fault, percentile, report } from "./report.ts";
import { HEADERS, openPlace } from "./server.ts";

/** Where in a request its client leaves: what the upstream does, and what the client waits for. */
interface Phase {
  name: string;
  reply: Reply;
  /** Leaves when the upstream was asked and, if there is one, this came. */
  seen?: string;
  stream: boolean;
}

const SLEEP: Reply = { toolCalls: [{ name: "terminal", arguments: { command: "sleep 300" } }] };
const PHASES: Phase[] = [
  { name: "before the first byte, whole", reply: { text: "One", stall: "before-headers" }, stream: false },
  { name: "before the first byte, streamed", reply: { text: "One", stall: "before-headers" }, stream: true },
  { name: "within a whole answer", reply: { text: "One two", stall: { events: 2 } }, stream: false },
  { name: "after a token", reply: { text: "One two", stall: { events: 2 } }, seen: "One", stream: true },
  {
    name: "while tokens come",
    reply: { text: "One two three", drip: { everyMs: 5 }, split: 20 },
    seen: "One",
    stream: true,
  },
  { name: "while a tool runs", reply: SLEEP, seen: "terminal", stream: true },
  {
    name: "while it waits for a retry",
    reply: { status: 429, headers: { "retry-after": "30" } },
    seen: "retry",
    stream: true,
  },
];
const FREED_MS = 250;
const FREED = {
  id: "R-35",
  what: "clients leave at every phase (before the first byte, within an answer, after a token, while tokens come, while a tool runs, while it waits for a retry): the upstream is freed",
  counts: { quick: 70, usual: 1_050, full: 7_000 },
  limit: { of: "until the upstream is free and the run over, p99", most: FREED_MS, unit: "ms" },
};
const HANDLES = {
  ...FREED,
  what: "clients leave at every phase: no timer, socket or other resource is left",
  limit: { of: "more than before", most: 0, unit: "resources" },
};

fault(FREED, async (count) => {
  const failures: string[] = [];
  const times: number[] = [];
  const live = await startLive(({ rawBody }) => phaseOf(numberOf(rawBody)).reply);
  const leave = async (n: number) => times.push(await timeToFree(live, n));
  // Code is loaded and connections are there before anything is counted.
  for (const n of range(PHASES.length)) await leave(n);
  await settled();
  const before = resources();
  times.length = 0;
  for (const n of range(count)) {
    await leave(n).catch((error: unknown) => failures.push(`${phaseOf(n).name}: ${String(error)}`));
  }
  await settled();
  const more = Object.entries(resources()).map(([name, now]) => [name, now - (before[name] ?? 0)] as const);
  const leaked = more.reduce((sum, [, difference]) => sum + Math.max(0, difference), 0);
  if (leaked > 0) console.log(JSON.stringify(more));
  report(HANDLES, { failures, figure: leaked });
  const { openStreams } = live.upstream.counts;
  if (openStreams > 0) failures.push(`${openStreams} streams are open upstream`);
  return { failures, figure: percentile(times, 0.99) };
});

function phaseOf(n: number): Phase {
  return PHASES[n % PHASES.length] as Phase;
}

/** Leaves a request in its phase; how long it took until nobody worked for it any more, ms. */
async function timeToFree(live: Live, n: number): Promise<number> {
  const { stream, seen } = phaseOf(n);
  const asked = live.upstream.counts.requests;
  const raw = await begin(live.origin, { stream, messages: [{ role: "user", content: `#${n}#` }] });
  await live.upstream.requestArrived(asked + 1);
  if (seen !== undefined) await raw.until(seen);
  const left = performance.now();
  raw.destroy();
  await live.upstream.idle();
  while (await isBusy(live)) await new Promise(setImmediate);
  return performance.now() - left;
}

async function begin(origin: string, body: object): Promise<RawSocket> {
  const raw = await openRaw(origin);
  const bytes = Buffer.from(JSON.stringify(body));
  raw.send(
    rawRequest("POST /v1/chat/completions HTTP/1.1", { ...HEADERS, "content-length": String(bytes.length) }),
  );
  raw.send(bytes);
  return raw;
}

async function isBusy({ app }: Live): Promise<boolean> {
  const answer = await app.http.inject({ url: "/health/detailed", headers: HEADERS });
  return answer.json<{ active_agents: number }>().active_agents > 0;
}

/** What keeps this process busy, by its kind: server, client and upstream are all in it. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** Sockets need a moment to close. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 500));
}

const STREAMS = {
  id: "R-35",
  what: "streams that their clients leave after a token: the memory of the process is what it was",
  counts: { quick: 400, usual: 5_000, full: 100_000 },
  limit: { of: "memory", most: 20, unit: "MB more" },
};
const FILES = {
  ...STREAMS,
  what: "streams that their clients leave after a token: no file is left open",
  limit: { of: "open files", most: 2, unit: "more" },
};

fault(STREAMS, async (count) => {
  const failures: string[] = [];
  const place = await openPlace(() => ({ text: "One two", stall: { events: 2 } }));
  const server = await place.start();
  const leave = async () => {
    const raw = await begin(server.origin, { stream: true, messages: [{ role: "user", content: "Hello?" }] });
    await raw.until("One");
    raw.destroy();
  };
  const atOnce = 16;
  // The heap takes its size first, which is some 8,000 streams' work.
  await forEach(range(FORM === "quick" ? 1_000 : 8_000), atOnce, leave);
  await place.upstream.idle();
  const [before, filesBefore] = [await settledRssKb(server, 2_000), openFiles(server)];
  await forEach(range(count), atOnce, leave);
  await place.upstream.idle().catch((error: unknown) => failures.push(String(error)));
  const after = await settledRssKb(server, 2_000);
  report(FILES, { failures, figure: Math.max(0, openFiles(server) - filesBefore) });
  return { failures, figure: Math.max(0, (after - before) / 1_024) };
});
