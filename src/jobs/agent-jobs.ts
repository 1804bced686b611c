import type { Job, JobPort } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";
import { readAs } from "../lib/read-as.ts";
import { checkJobId, isJobId } from "../wire/jobs/decode.ts";
import { JobPatch, JobRequest } from "../wire/jobs/schema.ts";
import type { JobDesk } from "./desk.ts";
import type { Jobs } from "./service.ts";

/** Jobs that one answer to the agent lists, the newest. */
const MAX_LISTED = 100;

/** The way of a run's tool call to the jobs of the run's owner: what it asks for is read as a client's request is. */
export function agentJobs(
  { jobs, desk }: { jobs: Jobs; desk: JobDesk },
  run: Pick<Run, "id" | "owner" | "surface" | "sessionId" | "createdAt">,
  callId: string,
): JobPort {
  const { owner } = run;
  const find = (id: string) => jobs.find(checkJobId(id), owner);
  const shown = (job: Job) => desk.shown(job);
  const asNew = (fields: Fields) => readAs(JobRequest, withOrigin(fields, run.sessionId));
  const asChange = (fields: Fields) => readAs(JobPatch, withOrigin(fields, run.sessionId));
  return {
    problem(fields, isNew) {
      try {
        if (isNew) desk.read(asNew(fields));
        else asChange(fields);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    async list() {
      const found = await jobs.list({ owner, order: "desc", limit: MAX_LISTED });
      return desk.shownAll(found);
    },
    async find(id) {
      const job = isJobId(id) ? await jobs.findIfThere(id, owner) : undefined;
      if (job === undefined) return undefined;
      const canBeDone = () =>
        desk.checkAll(job).then(
          () => true,
          () => false,
        );
      return { name: job.name, isPausedByAgent: job.pausedByAgent === true, canBeDone };
    },
    async create(fields) {
      const origin = {
        platform: "agent",
        surface: run.surface,
        run_id: run.id,
        session_id: run.sessionId ?? null,
        call_id: callId,
      };
      const call = { id: callId, at: run.createdAt };
      return shown(await desk.create(owner, asNew(fields), { origin, call }));
    },
    async update(id, fields) {
      const job = await find(id);
      return shown(await desk.update(job, asChange(fields), true));
    },
    pause: async (id, reason) => shown(await jobs.pause(checkJobId(id), owner, { reason, byAgent: true })),
    resume: async (id) => shown(await desk.resume(await find(id))),
    async run(id, prompt) {
      const { fire } = await desk.run(await find(id), { prompt }, true);
      return { run_id: fire.runId ?? null };
    },
    remove: (id) => jobs.remove(checkJobId(id), owner),
  };
}

type Fields = Record<string, unknown>;

/** `origin` is where the agent was asked: the run's session, or a file where it has none. */
function withOrigin(fields: Fields, session: string | undefined): Fields {
  const here = session === undefined ? "local" : `session:${session}`;
  const meant = (value: unknown) => (value === "origin" ? here : value);
  const { deliver, failure_deliver: failed } = fields;
  return {
    ...fields,
    ...(deliver !== undefined && { deliver: meant(deliver) }),
    ...(failed !== undefined && { failure_deliver: meant(failed) }),
  };
}
