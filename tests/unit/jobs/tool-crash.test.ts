import { expect, test, vi } from "vitest";
import { agentJobs } from "../../../src/app/agent-jobs.ts";
import { textMessage } from "../../../src/domain/item.ts";
import { createPrinter } from "../../../src/jobs/schedule/zone.ts";
import type { Scheduler } from "../../../src/jobs/scheduler/scheduler.ts";
import { Jobs } from "../../../src/jobs/service.ts";
import { createIdSource } from "../../../src/lib/id.ts";
import type { Store } from "../../../src/storage/store.ts";
import { createRegistry } from "../../../src/tools/registry.ts";
import { tool } from "../../../tools/cronjob.ts";
import { inputOf } from "../../helpers/agent-run.ts";
import { NEVER } from "../../helpers/crash.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { ANY_DRAFT } from "../../helpers/jobs.ts";
import { runService } from "../../helpers/run-service.ts";
import { call, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { OWNER, transcriptOf } from "../../helpers/stored.ts";

type CreateJob = Store["jobs"]["createJob"];

const NEWS = { action: "create", name: "News", prompt: "Tell what is new.", schedule: "@daily" };

/** A process whose model makes one call of the tool, over what a former one left. `making`: how a job is written. */
async function startProcess(left: Store, making: (create: CreateJob) => CreateJob) {
  const provider = scriptedProvider(({ items }) =>
    items.some(({ type }) => type === "function_call_output") ? say("Done.") : call("cronjob", NEWS),
  );
  const createJob = making((job) => left.jobs.createJob(job));
  const store = new Proxy(left.jobs, {
    get(target, key) {
      if (key === "createJob") return createJob;
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const clock = { now: Date.now, elapsed: () => performance.now() };
  const scheduler = { tick: async () => undefined, add: () => undefined } as unknown as Scheduler;
  const jobs = new Jobs({ ...ANY_DRAFT, store, scheduler, clock, nextId: createIdSource() });
  const shown = { jobs, print: createPrinter() };
  const nothing = {} as never;
  const tools = createRegistry(
    { tools: [tool] },
    {
      workspace: nothing,
      sandbox: nothing,
      policy: () => ({ verdict: "allow" }),
      portsFor: (run, callId) => ({ jobs: agentJobs(shown, run, callId) }),
    },
  );
  return runService(provider, { tools: { current: tools } }, left);
}

const INPUT = inputOf({ surface: "runs", background: true, items: [textMessage("user", "Every day.")] });

test.each([
  ["before", () => async () => NEVER],
  ["after", (create: CreateJob) => async (job: Parameters<CreateJob>[0]) => create(job).then(() => NEVER)],
] as const)("a process that dies %s a job is written leaves one job to the next", async (_when, dying) => {
  const { inner } = await hookedStore();
  const reached = Promise.withResolvers<void>();
  const first = await startProcess(inner, (create) => (job) => {
    const written = dying(create)(job);
    setImmediate(() => reached.resolve());
    return written;
  });
  const run = await first.runs.admit(INPUT);
  void run.begin();
  await reached.promise;

  const next = await startProcess(inner, (create) => create);
  expect(await next.runs.recover()).toEqual({ ended: 0, resumed: 1 });
  const { id } = run.run;
  await vi.waitFor(async () => expect(await next.runs.status(id, OWNER)).toBe("completed"));
  const jobs = await inner.jobs.listJobs({ owner: OWNER, limit: 10, order: "asc" });
  expect(jobs).toMatchObject([{ name: "News", state: "scheduled", origin: { run_id: id } }]);
  // What the model read names that job.
  const read = transcriptOf(await inner.readTranscript(id)).join("\n");
  expect(read).toContain(jobs[0]?.id);
});
