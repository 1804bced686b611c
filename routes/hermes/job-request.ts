import type { FastifyRequest } from "fastify";
import type { Outputs } from "../../src/delivery/outputs.ts";
import type { Fire, Job } from "../../src/domain/job.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import type { JobImport } from "../../src/jobs/import/import.ts";
import { checkJobId } from "../../src/jobs/job-id.ts";
import type { Jobs } from "../../src/jobs/service.ts";
import { fireObject, jobObject, type PrintTime } from "../../src/wire/hermes/jobs/object.ts";

/** What shows jobs. */
export interface ShownJobs {
  jobs: Jobs;
  print: PrintTime;
}

/** What the routes of jobs need. */
export interface JobsRoutesDeps extends ShownJobs {
  /** The files of their results. */
  outputs: Outputs;
  importer: JobImport;
  /** Epoch ms. */
  now(): number;
}

/** The job that a path names. @throws ApiError 400 for what cannot be an id, 404 for none of this owner's. */
export function jobNamed({ jobs }: JobsRoutesDeps, request: FastifyRequest): Promise<Job> {
  const { id } = request.params as { id: string };
  return jobs.find(checkJobId(id), getPrincipal(request).id);
}

/** A job with its latest fire, as both surfaces print it. */
export async function showJob(deps: ShownJobs, job: Job) {
  const [latest] = await deps.jobs.latestFires([job]);
  return jobObject(job, { latest, print: deps.print });
}

/** Jobs, each with its latest fire. */
export async function showJobs({ jobs, print }: ShownJobs, listed: readonly Job[]) {
  const fires = await jobs.latestFires(listed);
  return listed.map((job, i) => jobObject(job, { latest: fires[i], print }));
}

/** One time that a job was due or was run. */
export function showFire({ print }: ShownJobs, { schedule }: Job, fire: Fire) {
  return fireObject(fire, { timezone: schedule.timezone, print });
}

/** Who made a job, in the reference's words. */
export function describeOrigin(request: FastifyRequest): Record<string, string | null> {
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
