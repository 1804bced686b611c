/** Runs a command that prints very much in a process of its own, and prints what that cost, as JSON. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createLocalSandbox } from "../../src/sandbox/local.ts";

const [command = "true"] = process.argv.slice(2);
const sandbox = createLocalSandbox({ env: process.env, home: "/home-of-tests" });
const run = (text: string) =>
  sandbox.run({
    command: text,
    cwd: "/",
    timeoutMs: 10_000,
    maxOutputBytes: 50_000,
    signal: new AbortController().signal,
    onOutput: () => undefined,
  });

// The first run loads code and warms buffers up, which is not the command's doing.
await run("yes | head -c 1000000");
const delay = monitorEventLoopDelay({ resolution: 1 });
const before = process.memoryUsage.rss();
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 1);
delay.enable();
const { output } = await run(command);
delay.disable();
clearInterval(watch);
process.stdout.write(
  JSON.stringify({
    kept: Buffer.byteLength(output),
    isMarked: /\[\.\.\. \d+ bytes left out \.\.\.\]/.test(output),
    grownBytes: peak - before,
    p99Ms: delay.percentile(99) / 1e6,
  }),
);
