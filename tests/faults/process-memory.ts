import { readdirSync, readFileSync } from "node:fs";
import type { Server } from "./server.ts";

/** Resident memory of a server process, KB. */
export function rssKb({ child }: Server): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
}

/** Files and sockets that a server process has open. */
export function openFiles({ child }: Server): number {
  return readdirSync(`/proc/${child.pid}/fd`).length;
}

/** The least memory that a server is seen with while nothing is asked of it: what it holds, without what waits to be collected. */
export async function settledRssKb(server: Server, ms: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (const end = performance.now() + ms; performance.now() < end; ) {
    least = Math.min(least, rssKb(server));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return least;
}
