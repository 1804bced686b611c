import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Builds dist/ if a source is newer than it, as `npm start` does. */
export async function setup(): Promise<void> {
  const script = join(import.meta.dirname, "..", "..", "scripts", "build.ts");
  await promisify(execFile)(process.execPath, [script, "--if-stale"]);
}
