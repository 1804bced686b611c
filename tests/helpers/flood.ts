/** Runs a command that prints very much in a process of its own, and prints what that cost, as JSON. */
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
const before = process.memoryUsage.rss();
let peak = before;
// What this thread did without a pause, in ms of its own processor time: other programs on the machine are not in it.
const turns: number[] = [];
let used = process.threadCpuUsage();
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
  const { user, system } = process.threadCpuUsage(used);
  turns.push((user + system) / 1000);
  used = process.threadCpuUsage();
}, 1);
const { output } = await run(command);
clearInterval(watch);
turns.sort((a, b) => a - b);
process.stdout.write(
  JSON.stringify({
    kept: Buffer.byteLength(output),
    isMarked: /\[\.\.\. \d+ bytes left out \.\.\.\]/.test(output),
    grownBytes: peak - before,
    p99Ms: turns[Math.floor(turns.length * 0.99)],
  }),
);
