import { expect, onTestFinished, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { forEach, range } from "./answers.ts";
import { rssKb, settledRssKb } from "./process-memory.ts";
import { FORM, fault, percentile, report } from "./report.ts";
import { openPlace, type Server } from "./server.ts";
import { type Counted, cursorsIn, openCounted } from "./sockets.ts";
import { RUNS as BY_HEADER, watch } from "./watch.ts";

const SECONDS = { quick: 3, usual: 45, full: 600 }[FORM];
const RUNS = 20;
const IDLE = {
  id: "R-33",
  what: `idle watchers of ${RUNS} runs for ${SECONDS} s: none dropped`,
  counts: { quick: 200, usual: 2_000, full: 2_000 },
  limit: { of: "memory each", most: 40, unit: "KB" },
};
const HEARTBEAT = {
  ...IDLE,
  what: `idle watchers for ${SECONDS} s: never silent for long`,
  limit: { of: "silence, max", most: 15, unit: "s" },
};
const BESIDE = {
  ...IDLE,
  what: "idle watchers: a request beside them is as fast as without them",
  limit: { of: "its p99 alone", most: 2, unit: "×" },
};

fault(IDLE, async (count) => {
  const failures: string[] = [];
  const gate = createGate();
  const place = await openPlace(() => ({ text: ["One", gate, " two"] }));
  onTestFinished(() => gate.open());
  const server = await place.start();
  const ids = await Promise.all(range(RUNS).map(() => beginRun(server)));
  const open = (n: number) => openCounted(`${server.origin}/v1/runs/${ids[n % RUNS]}/events`);
  // Code is loaded and the heap has its size before anything is measured.
  const warm = await Promise.all(range(50).map(open));
  await requestTimes(server, 300);
  const alone = percentile(await requestTimes(server, 500), 0.99);
  for (const { socket } of warm) socket.destroy();
  const before = await settledRssKb(server, 1_500);
  const readers: Counted[] = [];
  await forEach(range(count), 50, async (n) => void readers.push(await open(n)));
  const began = performance.now();
  await new Promise((resolve) => setTimeout(resolve, (SECONDS * 1_000) / 2));
  const after = await settledRssKb(server, 1_500);
  const beside = percentile(await requestTimes(server, 500), 0.99);
  const left = SECONDS * 1_000 - (performance.now() - began);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, left)));
  const now = performance.now();
  const gaps = readers.map(({ lastAt, longestGapMs }) => Math.max(longestGapMs, now - lastAt));
  failures.push(...readers.filter(({ isClosed }) => isClosed).map(() => "dropped"));
  report(HEARTBEAT, { failures, figure: Math.max(...gaps) / 1_000 });
  report(BESIDE, { failures, figure: beside / alone });
  gate.open();
  await vi.waitFor(() => expect(readers.every(isOver)).toBe(true), {
    timeout: 10_000,
  });
  for (const { socket } of readers) socket.destroy();
  return { failures, figure: (after - before) / count };
});

async function beginRun(server: Server): Promise<string> {
  return (await server.ask("/v1/runs", { input: "Hello?" })).json.run_id;
}

/** How long each of some requests took, ms; one after the other. */
async function requestTimes(server: Server, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    await server.ask("/v1/runs?limit=1");
    times.push(performance.now() - began);
  }
  return times;
}

const DELTA = "0123456789abcdef".repeat(256);
/** Far more than the kernel keeps for a connection: what is not read is the server's to keep, or not. */
const DELTAS = { quick: 2_000, usual: 3_000, full: 8_000 }[FORM];
const WRITE_TIMEOUT_S = 3;
const ALONE = FORM === "quick" ? 1 : 3;
const SLOW = {
  id: "R-34",
  what: `readers of a run that says ${Math.round((DELTAS * DELTA.length) / 1e6)} MB at full speed, four of five at 1 KB/s, one of five not at all: the run ends, who takes nothing for ${WRITE_TIMEOUT_S} s is cut, and comes back by \`Last-Event-ID\` to all of it`,
  counts: { quick: 25, usual: 250, full: 250 },
  limit: { of: "of 64 KB each + 50 MB, beside the same run alone", most: 100, unit: "%" },
};

fault(SLOW, async (count) => {
  const failures: string[] = [];
  let gate = createGate();
  const yaml = `gateway: { api_server: { write_timeout_seconds: ${WRITE_TIMEOUT_S} } }`;
  const place = await openPlace(() => ({ text: [gate, ...range(DELTAS).map(() => DELTA)] }), yaml);
  const server = await place.start();
  /** The most memory that a run takes while it goes on, KB. */
  const peakOf = async (id: string) => {
    let peak = 0;
    const watching = setInterval(() => {
      peak = Math.max(peak, rssKb(server));
    }, 20);
    gate.open();
    const status = await endOf(server, id);
    if (status !== "completed") failures.push(`the run is ${status}`);
    clearInterval(watching);
    return peak;
  };
  const alone: number[] = [];
  for (let n = 0; n < ALONE; n++) {
    gate = createGate();
    alone.push(await peakOf(await beginRun(server)));
  }
  gate = createGate();
  const id = await beginRun(server);
  const url = `${server.origin}/v1/runs/${id}/events`;
  const readers: Counted[] = [];
  await forEach(range(count), 25, async (n) => {
    readers[n] = await openCounted(url, { paused: true, keeps: n % 25 === 1 });
  });
  const slow = readers.filter((_, n) => n % 5 !== 0);
  const trickling = setInterval(() => {
    for (const { socket } of slow) socket.read(1_024);
  }, 1_000);
  const peak = await peakOf(id);
  // A socket that is not read does not tell that it was closed.
  await new Promise((resolve) => setTimeout(resolve, (WRITE_TIMEOUT_S + 2) * 1_000));
  clearInterval(trickling);
  for (const { socket } of readers) socket.resume();
  await vi.waitFor(() => expect(readers.every(isOver)).toBe(true), { timeout: 120_000, interval: 50 });
  const never = readers.filter((_, n) => n % 5 === 0);
  const uncut = never.filter(({ tail }) => tail.includes("stream closed")).length;
  if (uncut > 0) failures.push(`${uncut} that took nothing were not cut`);
  for (const { socket } of readers) socket.destroy();
  const whole = (await watch(BY_HEADER, { origin: server.origin, id })).map(({ cursor }) => cursor).join();
  for (const reader of readers.filter((_, n) => n % 25 === 1)) {
    const had = cursorsIn(reader);
    const rest = await watch(BY_HEADER, { origin: server.origin, id, after: had.at(-1) });
    const joined = [...had, ...rest.map(({ cursor }) => cursor)].join();
    if (joined !== whole)
      failures.push(`a reader that came back after ${had.at(-1)}: ${difference(joined, whole)}`);
  }
  const allowed = 64 * count + 50 * 1_024;
  return { failures, figure: ((peak - Math.max(...alone)) / allowed) * 100 };
});

function isOver({ tail, isClosed }: Counted): boolean {
  return isClosed || tail.includes("stream closed");
}

async function endOf(server: Server, id: string): Promise<string> {
  return vi.waitFor(
    async () => {
      // The list says it without all that was said.
      const { data } = (await server.ask("/v1/runs?limit=3")).json;
      const { status } = data.find((run: { run_id: string }) => run.run_id === id);
      expect(["queued", "running"]).not.toContain(status);
      return status;
    },
    { timeout: 120_000, interval: 100 },
  );
}

/** Where two lists of numbers differ first. */
function difference(a: string, b: string): string {
  const [found, wanted] = [a.split(","), b.split(",")];
  const at = found.findIndex((number, i) => number !== wanted[i]);
  return `${found.slice(at - 2, at + 3)} for ${wanted.slice(at - 2, at + 3)}`;
}
