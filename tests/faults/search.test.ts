import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { asChat } from "../fake-upstream/request.ts";
import { range } from "./answers.ts";
import { rssKb, settledRssKb } from "./process-memory.ts";
import { FORM, fault, percentile, report } from "./report.ts";
import { openPlace, type Server } from "./server.ts";

const DIRECTORIES = FORM === "quick" ? 100 : 1_000;
const FILES_EACH = 100;
const FILES = (DIRECTORIES * FILES_EACH).toLocaleString("en");
const AT_ONCE = FORM === "quick" ? 12 : 60;
const PAUSE_MS = 5;

const WHOLE = {
  id: "R-40",
  what: `a search of ${FILES} files for a line that is in one of them: complete`,
  counts: { quick: 3, usual: 5, full: 20 },
  limit: { of: "what `grep -r` takes in the same round, median", most: 3, unit: "×" },
};
const BESIDE = {
  ...WHOLE,
  what: `a search of ${FILES} files: others do not wait`,
  limit: { of: "`/health`, p99, more than without it", most: 10, unit: "ms" },
};
const MANY = {
  ...WHOLE,
  what: `${AT_ONCE} searches of ${FILES} files in one step of the model: complete`,
  counts: { quick: 1, usual: 1, full: 3 },
  limit: { of: "memory, max", most: 150, unit: "MB" },
};
const BESIDE_MANY = {
  ...MANY,
  what: `${AT_ONCE} searches of ${FILES} files in one step of the model: others do not wait`,
  limit: BESIDE.limit,
};

/** A server whose model searches for each number up to one that it is asked for, in a tree where each is in one file. */
async function openTree() {
  const failures: string[] = [];
  const place = await openPlace((request) => {
    if (request.endpoint !== "completion") return undefined;
    const { messages } = asChat(request);
    const results = messages.flatMap(({ role, content }) => (role === "tool" ? [String(content)] : []));
    if (results.length === 0) {
      const count = Number(messages.findLast(({ role }) => role === "user")?.content);
      const searches = range(count).map((n) => ({ name: "search_files", arguments: { pattern: needle(n) } }));
      return { toolCalls: searches };
    }
    for (const [n, result] of results.entries()) {
      const expected = `${fileOf(n)}:7: ${needle(n)}\n[1 found.]`;
      if (result !== expected) failures.push(`${result.slice(0, 100)} for ${expected}`);
    }
    return { text: "Found." };
  });
  for (const directory of range(DIRECTORIES)) {
    mkdirSync(join(place.cwd, directoryOf(directory)), { recursive: true });
    for (const file of range(FILES_EACH)) {
      const n = directory * FILES_EACH + file;
      const lines = range(12).map((line) =>
        line === 6 ? needle(n) : `line ${line}: const value = compute(${n})`,
      );
      writeFileSync(join(place.cwd, fileOf(n)), `${lines.join("\n")}\n`);
    }
  }
  const server = await place.start();
  return { cwd: place.cwd, server, failures };
}

function needle(n: number): string {
  return `needle_${n}_here`;
}

function directoryOf(directory: number): string {
  return `tree/part${directory % 10}/d${directory}`;
}

function fileOf(n: number): string {
  return `${directoryOf(Math.floor(n / FILES_EACH))}/f${n % FILES_EACH}.ts`;
}

/** Does something, and asks for the server's health meanwhile: how long that took each time, and the memory at most. */
async function beside<Result>(server: Server, work: () => Promise<Result>) {
  let isOver = false;
  const done = work().finally(() => {
    isOver = true;
  });
  const waits: number[] = [];
  let peakKb = 0;
  while (!isOver) {
    const began = performance.now();
    await server.ask("/health");
    waits.push(performance.now() - began);
    peakKb = Math.max(peakKb, rssKb(server));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return { result: await done, waits, peakKb };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

fault(WHOLE, async (rounds) => {
  const { cwd, server, failures } = await openTree();
  const search = (count: number) => async () => {
    const { status } = await server.ask("/v1/chat/completions", {
      messages: [{ role: "user", content: String(count) }],
    });
    if (status !== 200) failures.push(`${count} searches answer ${status}`);
  };
  const grep = () => promisify(execFile)("grep", ["-r", needle(0), "tree"], { cwd });
  await search(1)();
  const ratios: number[] = [];
  const [idle, busy]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const calm = await beside(server, () => new Promise((resolve) => setTimeout(resolve, 1_000)));
    const grepMs = await timed(grep);
    const { result, waits } = await beside(server, () => timed(search(1)));
    ratios.push(result / grepMs);
    idle.push(...calm.waits);
    busy.push(...waits);
  }
  const more = (waits: number[]) => Math.max(0, percentile(waits, 0.99) - percentile(idle, 0.99));
  report(BESIDE, { n: rounds, failures: [], figure: more(busy) });
  const before = await settledRssKb(server, 1_000);
  const peaks: number[] = [];
  const crowded: number[] = [];
  const many = MANY.counts[FORM];
  for (let round = 0; round < many; round++) {
    const { waits, peakKb } = await beside(server, search(AT_ONCE));
    peaks.push((peakKb - before) / 1_024);
    crowded.push(...waits);
  }
  report(MANY, { n: many, failures, figure: Math.max(...peaks) });
  report(BESIDE_MANY, { n: many, failures: [], figure: more(crowded) });
  return { failures, figure: percentile(ratios, 0.5) };
});
