import type { ServerResponse } from "node:http";
import { setImmediate as nextTurn, setTimeout as pause } from "node:timers/promises";
import type { Gate } from "./gate.ts";
import type { Step } from "./plan.ts";

/**
 * Sends a reply. Before each write it lets the event loop turn, so that a client in this process has read the one
 * before by itself. A cut aborts the controller first, to say that no client did it. Resolves early once it is aborted.
 */
export async function deliver(
  steps: readonly Step[],
  response: ServerResponse,
  closed: AbortController,
): Promise<void> {
  for (const step of steps) {
    if (closed.signal.aborted) return;
    await take(step, response, closed);
  }
}

async function take(step: Step, response: ServerResponse, closed: AbortController): Promise<void> {
  switch (step.do) {
    case "hold":
      return passed(step.gate, closed.signal);
    case "wait":
      // Rejects only when aborted, and then there is nothing left to wait for.
      return pause(step.ms, undefined, { signal: closed.signal }).catch(() => {});
    case "head":
      await nextTurn();
      response.writeHead(step.status, step.headers);
      response.flushHeaders();
      return;
    case "write":
      await nextTurn();
      // A client that went away is no error of ours: the response's close event tells of it.
      return new Promise((resolve) => response.write(step.bytes, () => resolve()));
    case "end":
      await nextTurn();
      response.end();
      return;
    case "cut":
      closed.abort();
      response.socket?.destroySoon();
      return;
    case "reset":
      closed.abort();
      response.socket?.resetAndDestroy();
      return;
    case "stall":
      return;
    default:
      step satisfies never;
  }
}

/** Resolves when the gate is open, or when nobody waits for the answer any more. */
async function passed(gate: Gate, signal: AbortSignal): Promise<void> {
  const gone = Promise.withResolvers<void>();
  const leave = () => gone.resolve();
  signal.addEventListener("abort", leave);
  await Promise.race([gate.pass(), gone.promise]);
  signal.removeEventListener("abort", leave);
}
