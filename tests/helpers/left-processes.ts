import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, vi } from "vitest";

/** A number of seconds to sleep by which a test's processes can be told from all others. */
export function longSleep(): string {
  return `${randomInt(100_000, 999_999)}.${randomInt(100_000, 999_999)}`;
}

/** Processes with the text among their arguments; those that ended are not, even where nobody has asked how. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && argumentsOf(pid).includes(text));
}

/** A killed process needs a moment in the kernel; more than a second is none. */
export function expectGone(text: string): Promise<void> {
  return vi.waitFor(() => expect(processesWith(text)).toEqual([]), { timeout: 1_000, interval: 5 });
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
