import type { Socket } from "node:net";
import * as answers from "./answers.ts";
import { streamClosed, streamOpened } from "./counters.ts";

/** A streamed answer that takes time. `cancel` when its reader is gone. */
export interface OpenStream {
  cancel(): void;
}

/** Where a stream writes, and whom it tells that it ended. */
export interface StreamTarget {
  socket: Socket;
  withUsage: boolean;
  ended: () => void;
}

const FIRST_TOKEN_GAP_MS = 2;

function finish(target: StreamTarget, last: Buffer): void {
  target.socket.write(last);
  streamClosed();
  target.ended();
}

function closeOnCancel(stop: () => void): OpenStream {
  return {
    cancel: () => {
      stop();
      streamClosed();
    },
  };
}

/** First token now, the rest in a later segment. */
export function openFirst(target: StreamTarget): OpenStream {
  streamOpened();
  target.socket.write(answers.STREAM_FIRST);
  const rest = answers.STREAM_REST[target.withUsage ? 1 : 0];
  const timer = setTimeout(() => finish(target, rest), FIRST_TOKEN_GAP_MS);
  return closeOnCancel(() => clearTimeout(timer));
}

/** First token now, then nothing. */
export function openHeld(target: StreamTarget): OpenStream {
  streamOpened();
  target.socket.write(answers.STREAM_FIRST);
  return closeOnCancel(() => {});
}

/** One token per write, every `everyMs`; each stream keeps its own phase. */
export function openPaced(target: StreamTarget, tokens: number, everyMs: number): OpenStream {
  streamOpened();
  target.socket.write(answers.STREAM_OPEN);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent === tokens) {
      clearInterval(timer);
      finish(target, answers.STREAM_END[target.withUsage ? 1 : 0]);
      return;
    }
    const chunk = answers.TOKEN_CHUNKS[sent % answers.TOKEN_CHUNKS.length];
    if (chunk !== undefined) target.socket.write(chunk);
    sent += 1;
  }, everyMs);
  return closeOnCancel(() => clearInterval(timer));
}

/**
 * All blasting streams share one pump that gives each a write per turn of the event loop: fair among streams, and a
 * stream whose reader is slow leaves the pump until its socket has drained.
 */
const pumping = new Set<() => void>();
let pumpScheduled = false;

function pump(): void {
  pumpScheduled = false;
  for (const step of pumping) step();
  schedulePump();
}

function schedulePump(): void {
  if (pumpScheduled || pumping.size === 0) return;
  pumpScheduled = true;
  setImmediate(pump);
}

/** Tokens in writes of some, as fast as the reader takes them. */
export function openBlast(target: StreamTarget, tokens: number): OpenStream {
  streamOpened();
  const { socket } = target;
  socket.write(answers.STREAM_OPEN);
  let left = tokens;
  const resume = (): void => {
    pumping.add(step);
    schedulePump();
  };
  const stop = (): void => {
    pumping.delete(step);
    socket.off("drain", resume);
  };
  function step(): void {
    if (left === 0) {
      stop();
      finish(target, answers.STREAM_END[target.withUsage ? 1 : 0]);
      return;
    }
    const count = Math.min(left, answers.BLAST_BATCH);
    left -= count;
    const batch = answers.TOKEN_BATCHES[count];
    if (batch !== undefined && !socket.write(batch)) pumping.delete(step);
  }
  socket.on("drain", resume);
  resume();
  return closeOnCancel(stop);
}
