import { setTimeout as sleep } from "node:timers/promises";
import type { Held, HoldJob, Vanished } from "./jobs.ts";
import { requestBytes, Turn } from "./turn.ts";

/** Streams that are being opened at one time: fewer than any listen queue is long. */
const OPENING = 64;
const OPEN_TIMEOUT_MS = 30_000;

const held = new Set<Turn>();

/** Opens streams that fall silent after one token; all are open when this returns. */
export async function hold(job: HoldJob): Promise<Held> {
  const request = requestBytes(job.aim, { kind: "held" }, true);
  const errors: string[] = [];
  let opened = 0;
  const events = {
    firstToken: () => {
      opened += 1;
    },
    ended: (turn: Turn, fault: string | undefined) => {
      held.delete(turn);
      errors.push(fault ?? "the answer ended");
    },
  };
  const until = performance.now() + OPEN_TIMEOUT_MS;
  for (let started = 0; opened < job.streams && errors.length === 0 && performance.now() < until; ) {
    while (started < job.streams && started - opened < OPENING) {
      const turn = new Turn({ aim: job.aim, scenario: { kind: "held" }, stream: true, request, events });
      held.add(turn);
      turn.start();
      started += 1;
    }
    await sleep(1);
  }
  if (opened < job.streams && errors.length === 0)
    errors.push(`${job.streams - opened} streams did not open`);
  return { open: opened, errors: errors.slice(0, 5), errorCount: errors.length };
}

/** All held clients drop their connections at once, without a word. */
export function vanish(): Vanished {
  const atNs = Number(process.hrtime.bigint());
  for (const turn of held) turn.close();
  held.clear();
  return { atNs };
}
