/** Asks a server for its health every 10 ms, in a process of its own, until its input ends; prints how long each took, ms, as JSON. */
import { Agent, get } from "node:http";

const [url = ""] = process.argv.slice(2);
const EVERY_MS = 10;
const agent = new Agent({ keepAlive: true });
const times: number[] = [];

function ask(): Promise<void> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume().once("end", () => {
        times.push(performance.now() - began);
        resolve();
      });
    }).once("error", reject);
  });
}

// The first opens the connection and loads code.
await ask();
times.length = 0;
process.stdout.write("ready\n");
const asked: Promise<void>[] = [];
const asking = setInterval(() => asked.push(ask()), EVERY_MS);
process.stdin.resume().once("end", async () => {
  clearInterval(asking);
  await Promise.all(asked);
  agent.destroy();
  process.stdout.write(JSON.stringify(times));
});
