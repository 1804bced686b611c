import { vi } from "vitest";
import { SLOWNESS } from "./helpers/slowness.ts";

/** What a test or a hook may take, and what it may wait for one event unless it says otherwise, on a quiet machine, in milliseconds. */
const TEST_MS = 15_000;
const WAIT_MS = 5_000;

vi.setConfig({ testTimeout: TEST_MS * SLOWNESS, hookTimeout: TEST_MS * SLOWNESS });

const { waitFor } = vi;

// Limits tell what hangs from what goes on: by itself vitest waits for one second, which is too short on a busy machine.
// This file runs before every test file, and files share `vi`: a limit that grew each time would overflow its timer.
if (waitFor.name !== "waitPatiently") vi.waitFor = waitPatiently;

function waitPatiently<T>(
  callback: () => T | Promise<T>,
  options: Parameters<typeof waitFor>[1] = {},
): Promise<T> {
  const { timeout = WAIT_MS, interval } = typeof options === "number" ? { timeout: options } : options;
  const limit = timeout * SLOWNESS;
  return waitFor(callback, { timeout: limit, ...(interval !== undefined && { interval }) });
}
