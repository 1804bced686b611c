/**
 * A process one of whose threads hangs when it is told to end: `pool` and `worker` open a FIFO that nobody writes to, `main`
 * goes round for ever, `none` does nothing of the kind.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { ProcessEnd } from "../../src/lib/process-end.ts";

const [who, fifo = ""] = process.argv.slice(2);
const processEnd = new ProcessEnd();

if (who === "pool") void readFile(fifo);
if (who === "worker") {
  const opening = `
    const { parentPort, workerData } = require("node:worker_threads");
    parentPort.postMessage("opens");
    require("node:fs").openSync(workerData);
  `;
  const worker = new Worker(opening, { eval: true, workerData: fifo });
  await once(worker, "message");
  worker.unref();
}
process.on("SIGTERM", () => {
  processEnd.within(500);
  process.stdout.write("told\n");
  if (who === "main") for (;;);
  void processEnd.end(0);
});
// Nothing else keeps it.
setInterval(() => undefined, 1_000);
process.stdout.write("up\n");
