import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import { Unreadable } from "../../src/files/unreadable.ts";
import { readerOf } from "../helpers/confined-reader.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { FORBIDDEN, INSIDE, swapFile } from "../helpers/swapped-file.ts";
import { fault, percentile, SEED } from "./report.ts";
import { openPlace } from "./server.ts";

const READS = {
  id: "R-43",
  what: "confined reads of a file whose name is swapped at random all the time (the file; links in, out, round, nowhere, to a secret, an endless device and the process's own environment; a hard link of a secret; a FIFO): its own text or a reason, nothing else, no hang",
  counts: { quick: 5_000, usual: 100_000, full: 1_000_000 },
  limit: { of: "one read, max", most: 1_000, unit: "ms" },
};

/** How much of a forbidden text shows that some of it came through. */
const TRACE = FORBIDDEN.slice(0, 9);

fault(READS, async (count) => {
  const base = await temporaryDirectory();
  const root = join(base, "root");
  await mkdir(root);
  const secret = join(root, ".env");
  const file = await swapFile({ base, root, name: "entry", secret, seed: SEED });
  onTestFinished(() => file.stop());
  const reader = readerOf([secret]);
  const failures: string[] = [];
  let [slowest, whole] = [0, 0];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    try {
      const text = await reader.text({ within: root, name: "entry" }, 1_000);
      if (text === INSIDE) whole++;
      // Of the kernel's environment there is nothing to read, and the secret is refused.
      else if (text !== undefined && text !== "") failures.push(`it gave out ${text.slice(0, 20)}`);
    } catch (error) {
      if (!(error instanceof Unreadable)) failures.push(String(error));
    }
    slowest = Math.max(slowest, performance.now() - began);
  }
  if (whole === 0) failures.push("the file itself was never read");
  if (file.swaps() < count / 10) failures.push(`only ${file.swaps()} swaps`);
  return { failures, figure: slowest };
});

const PROMPTS = {
  id: "R-43",
  what: "confined reads, by the server: a chat, a response and a run for each look at an `AGENTS.md` that is swapped in the same way: all are answered, nothing else goes upstream, SIGTERM ends the process",
  counts: { quick: 4, usual: 60, full: 1_200 },
  limit: { of: "answer, p99", most: 1_000, unit: "ms" },
};

/** A prompt's files are looked at once a second. */
const LOOK_MS = 1_010;

fault(PROMPTS, async (rounds) => {
  const failures: string[] = [];
  const times: number[] = [];
  const place = await openPlace(() => ({ text: "Hi." }));
  const server = await place.start();
  const secret = join(place.cwd, ".hermes", ".env");
  const base = await temporaryDirectory();
  await writeFile(secret, "");
  const file = await swapFile({ base, root: place.cwd, name: "AGENTS.md", secret, seed: SEED });
  onTestFinished(() => file.stop());
  const messages = [{ role: "user", content: "Hello?" }];
  for (let round = 0; round < rounds; round++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const began = performance.now();
    const answers = await Promise.all([
      server.ask("/v1/chat/completions", { messages }),
      server.ask("/v1/responses", { input: "Hello?" }),
      server.ask("/v1/runs", { input: "Hello?" }),
    ]);
    times.push(performance.now() - began);
    for (const { status, text } of answers) if (status >= 300) failures.push(`${status} ${text}`);
  }
  await vi.waitFor(() => {
    if (place.upstream.requests.length < rounds * 3) throw new Error("a run has not asked its model");
  }, 10_000);
  for (const { body } of place.upstream.requests)
    if (JSON.stringify(body).includes(TRACE)) failures.push("what may not be read went upstream");
  const { code } = await server.stop();
  if (code !== 0) failures.push(`it ended with ${code}`);
  return { n: rounds * 3, failures, figure: percentile(times, 0.99) };
});
