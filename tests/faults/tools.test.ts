import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { vi } from "vitest";
import { createLocalSandbox } from "../../src/sandbox/local.ts";
import { asChat } from "../fake-upstream/request.ts";
import { longSleep, processesWith } from "../helpers/left-processes.ts";
import { forEach, range } from "./answers.ts";
import { FORM, fault, percentile, report } from "./report.ts";
import { openPlace } from "./server.ts";

const FLOOD_MB = FORM === "full" ? 1_000 : 100;
const FLOODS = [
  "yes | head -c 100M",
  "timeout 0.4 yes",
  `head -c ${FLOOD_MB}M /dev/zero`,
  `head -c ${FLOOD_MB}M /dev/zero | tr '\\0' x`,
  "head -c 20M /dev/urandom",
];
const MEMORY = {
  id: "R-40",
  what: `floods of output (100 MB of lines, endless output, ${FLOOD_MB} MB of zeros, a line of ${FLOOD_MB} MB, 20 MB at random): head and tail are kept, the middle is marked`,
  counts: { quick: 1, usual: 5, full: 20 },
  limit: { of: "memory, max", most: 16, unit: "MB" },
};
const DELAY = {
  ...MEMORY,
  what: "floods of output: nobody waits",
  limit: { of: "event loop, p99, max", most: 20, unit: "ms" },
};
const KEPT_BYTES = 50_100;

fault(MEMORY, async (rounds) => {
  const failures: string[] = [];
  const grown: number[] = [];
  const delays: number[] = [];
  const script = join(import.meta.dirname, "..", "helpers", "flood.ts");
  for (const command of range(rounds).flatMap(() => FLOODS)) {
    const { stdout } = await promisify(execFile)(process.execPath, [script, command]);
    const { kept, isMarked, grownBytes, p99Ms } = JSON.parse(stdout);
    // Bytes that are no UTF-8 take three each when they are text.
    if (kept > KEPT_BYTES * 3 || !isMarked)
      failures.push(`${command}: ${kept} bytes kept, marked: ${isMarked}`);
    grown.push(grownBytes / 2 ** 20);
    delays.push(p99Ms);
  }
  report(DELAY, { n: delays.length, failures, figure: Math.max(...delays) });
  return { n: grown.length, failures, figure: Math.max(...grown) };
});

const STUBBORN: ((id: string) => string)[] = [
  (id) => `sleep ${id}`,
  (id) => `trap '' TERM INT HUP; sleep ${id}; sleep ${id}`,
  (id) => `(setsid sh -c 'sleep ${id} & sleep ${id}' &); sleep ${id}`,
  (id) => `sleep ${id} & kill -STOP $$`,
  (id) => `env -i setsid -w sleep ${id}; :`,
  (id) => `for i in 1 2 3 4 5 6 7 8; do setsid sleep ${id} & done; sleep ${id}`,
];
const ENDED = {
  id: "R-41",
  what: "an endless command, one that ignores SIGTERM, a daemon forked twice, one that stopped itself, one without an environment, many daemons, ended by timeout or abort: no process is left",
  counts: { quick: 30, usual: 300, full: 1_000 },
  limit: { of: "gone after, max", most: 1_000, unit: "ms" },
};
const TIMEOUT_MS = 300;

fault(ENDED, async (count) => {
  const failures: string[] = [];
  const times: number[] = [];
  const sandbox = createLocalSandbox({ env: process.env, home: "/home-of-tests" });
  await forEach(range(count), 4, async (n) => {
    const [id, stop] = [longSleep(), new AbortController()];
    const isAborted = n % 2 === 0;
    if (isAborted) setTimeout(() => stop.abort(), TIMEOUT_MS);
    const timeoutMs = isAborted ? 60_000 : TIMEOUT_MS;
    const command = (STUBBORN[n % STUBBORN.length] as (id: string) => string)(id);
    const began = performance.now();
    const running = sandbox.run({ command, cwd: "/", timeoutMs, maxOutputBytes: 1_000, signal: stop.signal });
    const { killed } = await running;
    await gone(id);
    times.push(performance.now() - began - TIMEOUT_MS);
    const left = processesWith(id).length;
    if (left > 0 || killed === null) failures.push(`${command}: ${left} left, killed: ${killed}`);
  });
  return { failures, figure: percentile(times, 1) };
});

/** Waits a while for all of them to go. */
async function gone(id: string): Promise<void> {
  for (const end = performance.now() + 3_000; performance.now() < end && processesWith(id).length > 0; )
    await new Promise((resolve) => setTimeout(resolve, 5));
}

const KILLED = {
  id: "R-41",
  what: "`kill -9` of a server whose commands run, with daemons that left their parents: the next one kills what is left before the model hears of it",
  counts: { quick: 4, usual: 20, full: 200 },
  limit: { of: "restart to none left, max", most: 2_000, unit: "ms" },
};

fault(KILLED, async (rounds) => {
  const failures: string[] = [];
  const times: number[] = [];
  let id = longSleep();
  const place = await openPlace((request) => {
    if (request.endpoint !== "completion") return undefined;
    const { messages } = asChat(request);
    const asked = messages.findLastIndex(({ role }) => role === "user");
    if (!messages.slice(asked).some(({ role }) => role === "tool")) {
      const command = `(setsid sleep ${id} & setsid sleep ${id} &); sleep ${id}`;
      return { toolCalls: [{ name: "terminal", arguments: { command } }] };
    }
    const left = processesWith(id).length;
    if (left > 0) failures.push(`${left} processes of ${id} when the model hears of its call`);
    return { text: "So that is unknown." };
  });
  for (let round = 0; round < rounds; round++) {
    id = longSleep();
    const first = await place.start();
    const { json } = await first.ask("/v1/responses", { input: "Go.", background: true });
    await vi.waitFor(() => {
      if (processesWith(`sleep\0${id}`).length < 3) throw new Error("not all of them have begun");
    }, 5_000);
    await first.stop("SIGKILL");
    const began = performance.now();
    const second = await place.start();
    await gone(id);
    times.push(performance.now() - began);
    const left = processesWith(id).length;
    if (left > 0) failures.push(`${left} processes are left`);
    await vi.waitFor(async () => {
      const { status } = (await second.ask(`/v1/responses/${json.id}`)).json;
      if (status !== "completed") throw new Error(`it is ${status}`);
    }, 10_000);
    await second.stop();
  }
  return { failures, figure: percentile(times, 1) };
});
