/**
 * Opens a database as a server does. `write`: stores one run after the other and prints the id of each that is
 * acknowledged, until it is killed. `hold`: says so and waits. A refusal is printed as JSON.
 */
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { StorageError } from "../../src/storage/store.ts";
import { aRun, dialogue, writeOf } from "./stored.ts";

const [task = "hold", file = "", applicationId = "0"] = process.argv.slice(2);

try {
  const terms = { file, applicationId: Number(applicationId), sync: "normal", busyTimeoutMs: 50 } as const;
  const store = openSqliteStore(terms);
  process.stdout.write("open\n");
  while (task === "write") {
    const run = aRun();
    await store.append([writeOf(run, dialogue(run, "a".repeat(3_000), `answer of ${run.id}`))]);
    process.stdout.write(`${run.id}\n`);
    // Lets the pipe take the line.
    await new Promise(setImmediate);
  }
  // A database that nobody refers to any more would be closed.
  setInterval(() => store.unfinishedRuns(), 1_000);
} catch (error) {
  if (!(error instanceof StorageError)) throw error;
  process.stdout.write(`${JSON.stringify({ kind: error.kind, message: error.message })}\n`);
}
