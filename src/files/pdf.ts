import type { HeapInfo } from "node:v8";
import { Worker } from "node:worker_threads";
import type { PdfTask, PdfText } from "./pdf-worker.ts";

/** What reading a PDF may cost; hostile ones must not hang or kill the process. */
export interface PdfLimits {
  maxPages: number;
  maxChars: number;
  timeoutMs: number;
  /** The reading thread's own objects, MB. */
  maxHeapMb: number;
  /** All that the reading thread holds, MB: unpacked streams are outside of its objects' heap. */
  maxGrowthMb: number;
}

/** Beside the sources, or beside the built program. */
const WORKER = new URL(
  import.meta.url.endsWith(".ts") ? "./pdf-worker.ts" : "./pdf-worker.js",
  import.meta.url,
);

const WATCH_MS = 50;
const MB = 1024 * 1024;

/** The text of a PDF; an error says in a few words why there is none. Never rejects. */
export function readPdf(bytes: Uint8Array, limits: PdfLimits): Promise<PdfText> {
  const { maxPages, maxChars, timeoutMs, maxHeapMb, maxGrowthMb } = limits;
  const task: PdfTask = { bytes, maxPages, maxChars };
  return new Promise((resolve) => {
    const worker = new Worker(WORKER, {
      workerData: task,
      // The thread's alone, not copied.
      transferList: [task.bytes.buffer as ArrayBuffer],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
      env: {},
      execArgv: [],
      // What the reader has to complain about is not for the server's log.
      stdout: true,
      stderr: true,
    });
    worker.unref();
    const end = (outcome: PdfText) => {
      clearTimeout(timer);
      clearInterval(watch);
      resolve(outcome);
      void worker.terminate();
    };
    const timer = setTimeout(() => end({ error: `it takes longer than ${timeoutMs / 1000} s` }), timeoutMs);
    // The thread answers even while it unpacks something; one that is over says nothing more.
    const look = ({ used_heap_size: objects, external_memory: outside }: HeapInfo) => {
      if (objects + outside > maxGrowthMb * MB) end({ error: "it needs too much memory" });
    };
    const watch = setInterval(() => worker.getHeapStatistics().then(look, () => {}), WATCH_MS);
    worker.once("message", end);
    worker.once("error", (error) => end({ error: error.message }));
    worker.once("exit", () => end({ error: "the reader ended early" }));
  });
}
