import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { range } from "./answers.ts";
import { rssKb, settledRssKb } from "./process-memory.ts";
import { FORM, fault, percentile, report } from "./report.ts";
import { HEADERS, openPlace, type Server } from "./server.ts";

const MOST_BYTES = 10_000_000;
/** How long others are watched around each body, ms. */
const AROUND_MS = FORM === "quick" ? 200 : 500;
const BACK_MS = 10_000;
/** Has no divisor in common with the number of bodies. */
const STEP = 7;

const BODIES = {
  id: "R-31",
  what: "bodies of up to 10 MB (one long text, an image, 10,000 messages; millions of values, 100,000 keys, 5,000,000 levels; nothing but wrong entries) on chat, responses, runs, jobs and sessions: no 5xx",
  counts: { quick: 26, usual: 260, full: 2_600 },
  limit: { of: "others' longest wait", most: 150, unit: "ms" },
};
const OTHERS = { ...BODIES, what: "the same: others meanwhile", limit: { of: "p99", most: 50, unit: "ms" } };
const PEAK = {
  ...BODIES,
  what: "the same: memory at its highest",
  limit: { of: "more than before it", most: 40, unit: "MB" },
};
const BACK = {
  ...BODIES,
  what: "the same: memory ten seconds later",
  limit: { of: "more than idle", most: 40, unit: "MB" },
};

const many = (entry: string, most: number) => {
  const count = Math.min(most, Math.floor((MOST_BYTES - 200) / (entry.length + 1)));
  return `[${`${entry},`.repeat(count - 1)}${entry}]`;
};
const keys = (count: number) => `{${range(count).map((n) => `"k${n}":0`)}}`;
const HELLO = '"input":"Hello?","messages":[{"role":"user","content":"Hello?"}]';
const beside = (field: string, value: string) => `{${HELLO},"${field}":${value}}`;
const LONG = "The quick brown fox jumps over the lazy dog. ".repeat(220_000);
const MESSAGE = '{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}';

/** Where each surface takes what is said, and bodies for it. */
const SURFACES: readonly [path: string, field: string][] = [
  ["/v1/chat/completions", "messages"],
  ["/v1/responses", "input"],
  ["/v1/runs", "input"],
];
const SAID = (field: string): string[] => [
  `{"${field}":[{"role":"user","content":"${LONG}"}]}`,
  `{"${field}":[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,${"A".repeat(9_800_000)}"}]}]}`,
  `{"${field}":${many(MESSAGE, 10_000)}}`,
  `{"${field}":${many("{}", 33_000)}}`,
  `{"${field}":${many("{}", MOST_BYTES)}}`,
  `{"${field}":${many(`{"role":"user","content":${many("{}", 30)}}`, 3_000)}}`,
  `{"${field}":[{"role":"assistant","content":"","tool_calls":${many("{}", 90_000)}}]}`,
];
const ANYWHERE: readonly string[] = [
  beside("unknown", keys(99_000)),
  beside("metadata", keys(99_000)),
  beside("unknown", keys(600_000)),
  beside("unknown", "[".repeat(4_900_000) + "]".repeat(4_900_000)),
  beside("unknown", many("0", 4_900_000)),
  `{${HELLO},${keys(99_000).slice(1)}`,
];
const PATHS = ["/v1/chat/completions", "/v1/responses", "/v1/runs", "/v1/jobs", "/api/sessions"];

fault(BODIES, async (count) => {
  const failures: string[] = [];
  const place = await openPlace(() => ({ text: "Hi." }));
  const server = await place.start();
  const requests = [
    ...SURFACES.flatMap(([path, field]) => SAID(field).map((body) => ({ path, body }))),
    ...PATHS.flatMap((path) => ANYWHERE.map((body) => ({ path, body }))),
    { path: "/v1/jobs/import", body: many("{}", MOST_BYTES) },
  ].map(({ path, body }) => ({ path, body: Buffer.from(body) }));
  // Code is loaded and the heap has its size before anything is measured.
  for (const { path, body } of requests.slice(0, 3)) await send(server, path, body);
  const idle = await afterwards(server);
  const times: number[] = [];
  let grownKb = 0;
  for (const n of range(count)) {
    // Not one after the other: a part of them is of all kinds.
    const { path, body } = requests[(n * STEP) % requests.length] as (typeof requests)[number];
    const seen = await watched(server, () => send(server, path, body));
    if (seen.status >= 500) failures.push(`${path} answers ${seen.status} to ${body.subarray(0, 100)}`);
    times.push(...seen.times);
    grownKb = Math.max(grownKb, seen.grownKb);
  }
  const after = await afterwards(server);
  report(OTHERS, { failures, figure: percentile(times, 0.99) });
  report(PEAK, { failures, figure: grownKb / 1_024 });
  report(BACK, { failures, figure: Math.max(0, (after - idle) / 1_024) });
  return { failures, figure: Math.max(...times) };
});

async function send(server: Server, path: string, body: Buffer): Promise<number> {
  const response = await fetch(server.origin + path, { method: "POST", headers: HEADERS, body });
  await response.arrayBuffer();
  return response.status;
}

/** The memory of a server when it had time to give back what it does not need. */
async function afterwards(server: Server): Promise<number> {
  await sleep(BACK_MS - 2_000);
  return settledRssKb(server, 2_000);
}

/** How others fare while something is done, and by how much the server grows meanwhile. */
async function watched(server: Server, work: () => Promise<number>) {
  const script = join(import.meta.dirname, "beside.ts");
  const asking = spawn(process.execPath, [script, `${server.origin}/health`]);
  await once(asking.stdout, "data");
  const printed = textOf(asking.stdout);
  const beforeKb = rssKb(server);
  let grownKb = 0;
  const watching = setInterval(() => {
    grownKb = Math.max(grownKb, rssKb(server) - beforeKb);
  }, 10);
  await sleep(AROUND_MS);
  const status = await work();
  await sleep(AROUND_MS);
  clearInterval(watching);
  asking.stdin.end();
  return { status, grownKb, times: JSON.parse(await printed) as number[] };
}
