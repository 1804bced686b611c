import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";

/**
 * Loaded into the server before its own code when a row is profiled. `--cpu-prof` would record the whole life of the
 * process, and start and warm-up would drown the row; so a signal begins the recording and the next one writes it.
 */
const file = process.env["BENCH_PROFILE_FILE"];
const SAMPLE_EVERY_US = 200;
let session: Session | undefined;

async function begin(): Promise<void> {
  session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_EVERY_US });
  await session.post("Profiler.start");
}

async function end(ended: Session): Promise<void> {
  session = undefined;
  const { profile } = await ended.post("Profiler.stop");
  ended.disconnect();
  if (file === undefined) return;
  // Whoever waits for the file must find it whole.
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
}

function report(error: unknown): void {
  process.stderr.write(`profile: ${String(error)}\n`);
}

process.on("SIGUSR2", () => {
  (session === undefined ? begin() : end(session)).catch(report);
});
