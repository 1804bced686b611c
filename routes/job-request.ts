import type { FastifyRequest } from "fastify";
import { invalidRequest } from "../src/domain/error.ts";
import { type Job, USUAL_RETRY } from "../src/domain/job.ts";
import { principalOf } from "../src/http/auth.ts";
import type { JobChanges, Jobs, NewJob } from "../src/jobs/service.ts";
import { checkJobId, decodeJob, type JobTerms, nameOf } from "../src/wire/jobs/decode.ts";
import { jobObject, type PrintTime } from "../src/wire/jobs/object.ts";
import type { JobPatch, JobRequest } from "../src/wire/jobs/schema.ts";

/** What the routes of jobs need. */
export interface JobsRoutesDeps {
  jobs: Jobs;
  /** How requests are read, but for schedules. */
  terms: Omit<JobTerms, "readSchedule">;
  /** Reads a schedule; without a zone in the configured one. */
  readSchedule(text: string, timezone: string | undefined): Job["schedule"];
  print: PrintTime;
  /** Epoch ms. */
  now(): number;
}

/** The job that a path names. @throws ApiError 400 for what cannot be an id, 404 for none of this owner's. */
export function jobNamed({ jobs }: JobsRoutesDeps, request: FastifyRequest): Promise<Job> {
  const { id } = request.params as { id: string };
  return jobs.find(checkJobId(id), principalOf(request).id);
}

/** What a request says of a new job. @throws ApiError 400 as `decodeJob`. */
export function newJobOf(deps: JobsRoutesDeps, body: JobRequest): NewJob {
  const {
    schedule: read,
    enabled,
    reason,
    times,
    retry,
    work,
    name,
    ...rest
  } = decodeJob(body, {
    ...deps.terms,
    readSchedule: deps.readSchedule,
  });
  if (!work.prompt?.trim()) throw invalidRequest("prompt", "A job needs a 'prompt': what to do.");
  const schedule = read as Job["schedule"];
  const once = schedule.kind === "once" && times === undefined ? 1 : times;
  return {
    ...rest,
    name: name ?? nameOf(work.prompt, schedule),
    schedule,
    work: { prompt: "", limits: {}, ...work },
    ...(typeof once === "number" && { times: once }),
    ...(retry !== undefined && { retry: { ...USUAL_RETRY, ...retry } }),
    ...(enabled === false && { paused: reason === undefined ? {} : { reason } }),
  };
}

/** What a request changes; a schedule without a zone stays in the job's. @throws ApiError 400 as `decodeJob`. */
export function changesOf(deps: JobsRoutesDeps, body: JobPatch, timezone: string): JobChanges {
  const { retry, ...changes } = decodeJob(body, {
    ...deps.terms,
    readSchedule: (text, asked) => deps.readSchedule(text, asked ?? timezone),
  });
  return { ...changes, ...(retry !== undefined && { retry: { ...USUAL_RETRY, ...retry } }) };
}

/** A job with its latest fire. */
export async function printed({ jobs, print }: JobsRoutesDeps, job: Job) {
  const { id: jobId, owner } = job;
  const [latest] = await jobs.fires({ jobId, owner, order: "desc", limit: 1 });
  return jobObject(job, { latest, print });
}

/** Who made a job, in the reference's words. */
export function originOf(request: FastifyRequest): Record<string, string | null> {
  const { headers, ip } = request;
  const text = (name: string) => {
    const value = headers[name];
    return typeof value === "string" ? value.slice(0, 256) : null;
  };
  return {
    platform: "api_server",
    chat_id: "api",
    source_ip: ip,
    peer_ip: request.socket.remoteAddress ?? null,
    forwarded_for: text("x-forwarded-for"),
    real_ip: text("x-real-ip"),
    user_agent: text("user-agent"),
  };
}
