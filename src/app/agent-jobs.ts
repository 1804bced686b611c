import { type ShownJobs, showJob, showJobs } from "../../routes/hermes/job-request.ts";
import type { Job, JobPort } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";
import { checkJobId, isJobId } from "../jobs/job-id.ts";
import { readAs } from "../lib/read-as.ts";
import { decodeJob } from "../wire/hermes/jobs/decode.ts";
import { JobPatch, JobRequest } from "../wire/hermes/jobs/schema.ts";

/** Jobs that one answer to the agent lists, the newest. */
const MAX_LISTED = 100;

/** The way of a run's tool call to the jobs of the run's owner: its fields are read, and its answers shown, as a client's are. */
export function agentJobs(
  deps: ShownJobs,
  run: Pick<Run, "id" | "owner" | "surface" | "sessionId" | "createdAt">,
  callId: string,
): JobPort {
  const { jobs } = deps;
  const { owner } = run;
  const find = (id: string) => jobs.find(checkJobId(id), owner);
  const show = (job: Job) => showJob(deps, job);
  const asNew = (fields: Fields) => decodeJob(readAs(JobRequest, withOrigin(fields, run.sessionId)));
  const asChange = (fields: Fields) => decodeJob(readAs(JobPatch, withOrigin(fields, run.sessionId)));
  return {
    problem(fields, isNew) {
      try {
        if (isNew) jobs.read(asNew(fields));
        else asChange(fields);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    async list() {
      return showJobs(deps, await jobs.list({ owner, order: "desc", limit: MAX_LISTED }));
    },
    async find(id) {
      const job = isJobId(id) ? await jobs.findIfThere(id, owner) : undefined;
      if (job === undefined) return undefined;
      const canBeDone = () =>
        jobs.checkAll(job).then(
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
      return show(await jobs.create(owner, asNew(fields), { origin, call }));
    },
    async update(id, fields) {
      const job = await find(id);
      return show(await jobs.update(job, asChange(fields), { byAgent: true }));
    },
    pause: async (id, reason) => show(await jobs.pause(checkJobId(id), owner, { reason, byAgent: true })),
    resume: async (id) => show(await jobs.resume(await find(id))),
    async run(id, prompt) {
      const { fire } = await jobs.runNow(await find(id), { prompt, byAgent: true });
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
