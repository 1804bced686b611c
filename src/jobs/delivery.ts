import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { invalidRequest } from "../domain/error.ts";
import type { Delivery, Fire, Job } from "../domain/job.ts";
import type { JobStore } from "../storage/job-store.ts";
import { editJob } from "./edit.ts";

/** Brings results to one kind of place. */
export interface Carrier {
  /** Whether a target is of its kind. @throws ApiError 400 for one that cannot be. */
  takes(target: string, param: string): boolean;
  /** Brings a result there; what it gives is kept with the delivery. @throws Error when it cannot. */
  bring(result: { job: Job; fire: Fire; target: string; text: string }): Promise<Partial<Delivery>>;
}

/** Says first in a result that nobody needs to hear of it. */
const SILENT = /^\s*\[SILENT\]/i;

/** Brings results to where jobs want them; each target has a status of its own, apart from the run's. */
export class Deliveries {
  readonly #carriers: readonly Carrier[];
  readonly #store: JobStore;
  readonly #onFault: (error: unknown) => void;

  constructor(deps: { carriers: readonly Carrier[]; store: JobStore; onFault(error: unknown): void }) {
    this.#carriers = deps.carriers;
    this.#store = deps.store;
    this.#onFault = deps.onFault;
  }

  /** @throws ApiError 400 for a target that nothing is brought to. */
  check(target: string, param: string): void {
    if (this.#carriers.some((carrier) => carrier.takes(target, param))) return;
    const shown = JSON.stringify(target.slice(0, 64));
    throw invalidRequest(
      param,
      `'${param}' names no place to deliver to: ${shown}. Use local or session:<id>.`,
    );
  }

  /** Brings a fire's result everywhere; never rejects. */
  async deliver(job: Job, fire: Fire): Promise<void> {
    const text = fire.output ?? fire.reason ?? "";
    const isSilent = SILENT.test(text);
    const bring = (delivery: Delivery): Promise<Delivery> | Delivery =>
      isSilent ? { ...delivery, status: "silent" } : this.#bring(delivery, { job, fire, text });
    const deliveries = await Promise.all(fire.deliveries.map(bring));
    try {
      const of = { id: job.id, owner: job.owner };
      await editJob(this.#store, of, (current) => ({ job: current, updates: [{ ...fire, deliveries }] }));
    } catch (error) {
      this.#onFault(error);
    }
  }

  async #bring(delivery: Delivery, result: { job: Job; fire: Fire; text: string }): Promise<Delivery> {
    const { target, attempts } = delivery;
    try {
      const carrier = this.#carriers.find((candidate) => candidate.takes(target, "deliver"));
      if (carrier === undefined) throw new Error("there is no such place any more");
      const brought = await carrier.bring({ ...result, target });
      return { ...delivery, ...brought, status: "delivered", attempts: attempts + 1 };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ...delivery, status: "failed", attempts: attempts + 1, error: why.slice(0, 500) };
    }
  }
}

/** `local`: a file below the home, `cron/output/<job>/<time>.md`. */
export function fileCarrier(home: string): Carrier {
  return {
    takes: (target) => target === "local",
    async bring({ job, fire, text }) {
      const time = new Date(fire.startedAt ?? fire.createdAt).toISOString().replaceAll(":", "-");
      const directory = join("cron", "output", job.id);
      const file = join(directory, `${time}.md`);
      await mkdir(join(home, directory), { recursive: true, mode: 0o700 });
      await writeFile(join(home, file), `# ${job.name}\n\n${text}\n`, { mode: 0o600 });
      return { file };
    },
  };
}
