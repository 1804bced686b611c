import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { runBody, TOKEN_CHARS, tokensOf } from "../scenarios.ts";
import { percentile, Samples } from "../stats.ts";
import { ClientConnection } from "./connection.ts";
import type { Aim, BeginJob, Begun, Watched, Watching, WatchJob } from "./jobs.ts";

/** Watchers that are being opened at one time: fewer than any listen queue is long. */
const OPENING = 64;
const DEADLINE_MS = 50_000;
const ERRORS_KEPT = 5;

const watchers = new Set<Watcher>();
const stalled = new Set<Socket>();
let latencies = new Samples();
/** Events that were published before it are not counted: whoever comes late gets them late. */
let countFrom = Number.POSITIVE_INFINITY;

/** Begins runs, one after the other. */
export async function begin({ aim, runs, scenario }: BeginJob): Promise<Begun> {
  const ids: string[] = [];
  const accepted = new Samples();
  for (let n = 0; n < runs; n += 1) {
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${aim.port}/v1/runs`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${aim.key}` },
      body: runBody(scenario),
    });
    const { run_id: id } = (await response.json()) as { run_id?: string };
    if (id === undefined) throw new Error(`a run was answered ${response.status}`);
    accepted.add(performance.now() - startedAt);
    ids.push(id);
  }
  return { ids, acceptP99Ms: percentile(accepted.sorted(), 0.99) };
}

/** Opens watchers of runs, evenly; all have something when this returns. Or such that never read. */
export async function watch({ aim, runs, count, scenario, reads }: WatchJob): Promise<Watching> {
  const until = performance.now() + DEADLINE_MS;
  let opened = 0;
  for (let started = 0; opened < count && performance.now() < until; ) {
    while (started < count && started - opened < OPENING) {
      const request = requestFor(aim, runs[started % runs.length] ?? "");
      if (reads) watchers.add(new Watcher(aim, request, tokensOf(scenario), () => (opened += 1)));
      else stall(aim, request, () => (opened += 1));
      started += 1;
    }
    await sleep(1);
  }
  if (reads) countFrom = Date.now();
  return { open: opened };
}

/** Waits until all watchers have the end of their runs; what they had of them. */
export async function watched(): Promise<Watched> {
  const until = performance.now() + DEADLINE_MS;
  while (performance.now() < until && [...watchers].some((watcher) => !watcher.isOver)) await sleep(20);
  const faults = [...watchers].flatMap((watcher) => watcher.fault() ?? []);
  const sorted = latencies.sorted();
  const result = {
    events: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    errors: [...new Set(faults)].slice(0, ERRORS_KEPT),
    errorCount: faults.length,
  };
  for (const watcher of watchers) watcher.close();
  for (const socket of stalled) socket.destroy();
  watchers.clear();
  stalled.clear();
  latencies = new Samples();
  countFrom = Number.POSITIVE_INFINITY;
  return result;
}

function requestFor({ port, key }: Aim, run: string): Buffer {
  const head = [
    `GET /v1/runs/${run}/events HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `authorization: Bearer ${key}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n`);
}

function stall({ port }: Aim, request: Buffer, opened: () => void): void {
  const socket = connect({ port, host: "127.0.0.1" }, () => {
    socket.write(request);
    opened();
  });
  socket.on("error", () => {});
  stalled.add(socket);
}

/** Reads a run's events and checks that none is missing, repeated or out of order. */
class Watcher {
  readonly #connection: ClientConnection;
  readonly #expectedChars: number;
  #opened: (() => void) | undefined;
  #rest = "";
  #chars = 0;
  #lastId = 0;
  #isCompleted = false;
  #fault: string | undefined;
  isOver = false;

  constructor(aim: Aim, request: Buffer, tokens: number, opened: () => void) {
    this.#expectedChars = tokens * TOKEN_CHARS;
    this.#opened = opened;
    this.#connection = new ClientConnection(aim.port, {
      head: (status) => {
        if (status !== 200) this.#fault = `status ${status}`;
      },
      text: (piece) => this.#read(piece),
      end: () => {
        this.isOver = true;
      },
      broken: (reason) => {
        this.#fault ??= reason;
        this.isOver = true;
      },
    });
    this.#connection.send(request);
  }

  close(): void {
    this.#connection.close();
  }

  fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (!this.isOver) return "no end in time";
    if (this.#chars !== this.#expectedChars) return `${this.#chars} of ${this.#expectedChars} characters`;
    return this.#isCompleted ? undefined : "no run.completed";
  }

  #read(piece: string): void {
    this.#opened?.();
    this.#opened = undefined;
    const now = Date.now();
    const text = this.#rest + piece;
    let at = 0;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n", at)) {
      this.#frame(text.slice(at, end), now);
      at = end + 2;
    }
    this.#rest = text.slice(at);
  }

  #frame(frame: string, now: number): void {
    if (!frame.startsWith("id: ")) return;
    const id = Number(frame.slice(4, frame.indexOf("\n")));
    if (id <= this.#lastId) this.#fault = `event ${id} after ${this.#lastId}`;
    this.#lastId = id;
    const published = numberAfter(frame, '"timestamp":') * 1000;
    if (published > countFrom) latencies.add(now - published);
    if (frame.includes('"event":"message.delta"')) {
      const from = frame.indexOf('"delta":"') + '"delta":"'.length;
      this.#chars += frame.indexOf('"', from) - from;
    } else if (frame.includes('"event":"run.completed"')) this.#isCompleted = true;
  }
}

function numberAfter(text: string, mark: string): number {
  return Number.parseFloat(
    text.slice(text.indexOf(mark) + mark.length, text.indexOf(mark) + mark.length + 20),
  );
}
