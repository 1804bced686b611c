/** A thread that asks for a server's health every 10 ms, so that nobody else's work is in its times, and tells them, ms. */
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

const { origin, forMs } = workerData as { origin: string; forMs: number };
const agent = new Agent({ keepAlive: true });
const until = performance.now() + forMs;
const times: number[] = [];

const ask = () =>
  new Promise<void>((resolve, reject) => {
    get(`${origin}/health`, { agent }, (answer) => answer.resume().once("end", resolve)).once(
      "error",
      reject,
    );
  });

while (performance.now() < until) {
  const began = performance.now();
  await ask();
  times.push(performance.now() - began);
  await sleep(10);
}
agent.destroy();
parentPort?.postMessage(times);
