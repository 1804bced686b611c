import type { ChildProcess } from "node:child_process";
import { get } from "node:http";
import path from "node:path";
import type { Aim, Job, Reply, Request, ResultOf } from "./load/jobs.ts";
import type { Machine } from "./machine.ts";
import { startNode } from "./processes.ts";
import { freePort, type StartedTarget, type Target } from "./targets.ts";
import type { Counters } from "./upstream/counters.ts";

/** Longer than any job of the generator; one that takes longer hangs. */
const JOB_TIMEOUT_MS = 60_000;
const HELPER_START_MS = 10_000;

interface Waiting {
  resolve: (result: ResultOf<Job>) => void;
  reject: (error: Error) => void;
}

function fetchJson(port: number, urlPath: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get({ port, host: "127.0.0.1", path: urlPath, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    }).on("error", reject);
  });
}

/** The load's side of the machine: upstream and generator, started once and shared by all rows. */
export class Harness {
  readonly machine: Machine;
  readonly upstreamPort: number;
  readonly #upstream: ChildProcess;
  readonly #generator: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #targetPids = new Set<number>();
  #nextId = 1;

  private constructor(machine: Machine, upstreamPort: number, helpers: [ChildProcess, ChildProcess]) {
    this.machine = machine;
    this.upstreamPort = upstreamPort;
    [this.#upstream, this.#generator] = helpers;
    this.#generator.on("message", (reply: Reply) => this.#onReply(reply));
    for (const helper of helpers) helper.on("exit", () => this.#failAll("upstream or generator ended"));
  }

  static async start(machine: Machine): Promise<Harness> {
    const upstreamPort = await freePort();
    const env = { PATH: process.env["PATH"] ?? "", UPSTREAM_PORT: String(upstreamPort) };
    const upstream = startHelper("upstream.ts", machine, env);
    const generator = startHelper("generator.ts", machine, env);
    await Promise.all([ready(upstream), ready(generator)]);
    return new Harness(machine, upstreamPort, [upstream, generator]);
  }

  /** The upstream as a target: what the load reaches with nothing between. */
  get direct(): Target {
    return { name: "direct", port: this.upstreamPort, key: "", pid: this.#upstream.pid ?? 0 };
  }

  aimAt(target: Target): Aim {
    const { cores } = this.machine;
    const loadPids = [process.pid, this.#generator.pid ?? 0];
    // When the upstream itself is the target, it is not load as well.
    if (target.name !== "direct") loadPids.push(this.#upstream.pid ?? 0);
    return {
      port: target.port,
      key: target.key,
      pid: target.pid,
      cores: cores === undefined || target.name === "direct" ? undefined : { ...cores, loadPids },
    };
  }

  ask<J extends Job>(job: J): Promise<ResultOf<J>> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = new Promise<ResultOf<Job>>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(id, `${job.do} took too long`), JOB_TIMEOUT_MS);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          then(value);
        };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
    this.#generator.send({ id, job } satisfies Request);
    // The generator answers each kind of job with its own kind of result (perform in generator.ts).
    return answered as Promise<ResultOf<J>>;
  }

  async upstreamCounters(): Promise<Counters> {
    return (await fetchJson(this.upstreamPort, "/control")) as Counters;
  }

  /** From now on this target ends with the generator, should the orchestrator be killed outright. */
  async adopt(target: StartedTarget): Promise<StartedTarget> {
    this.#targetPids.add(target.pid);
    target.child.on("exit", () => this.#targetPids.delete(target.pid));
    await this.ask({ do: "guard", pids: [...this.#targetPids] });
    return target;
  }

  #onReply(reply: Reply): void {
    if ("failed" in reply) this.#fail(reply.id, reply.failed);
    else this.#waiting.get(reply.id)?.resolve(reply.result);
  }

  #fail(id: number, reason: string): void {
    this.#waiting.get(id)?.reject(new Error(`The generator failed: ${reason}`));
  }

  #failAll(reason: string): void {
    for (const id of this.#waiting.keys()) this.#fail(id, reason);
  }
}

function startHelper(file: string, machine: Machine, env: Record<string, string>): ChildProcess {
  return startNode({
    args: [path.join(import.meta.dirname, file)],
    env,
    core: machine.cores?.load,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

function ready(helper: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("upstream or generator did not start")), HELPER_START_MS);
    helper.once("message", () => {
      clearTimeout(timer);
      resolve();
    });
    helper.once("error", reject);
    helper.once("exit", () => reject(new Error("upstream or generator ended at its start")));
  });
}
