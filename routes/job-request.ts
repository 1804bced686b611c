import type { FastifyRequest } from "fastify";
import type { Job } from "../src/domain/job.ts";
import { principalOf } from "../src/http/auth.ts";
import type { JobDesk } from "../src/jobs/desk.ts";
import type { JobImport } from "../src/jobs/import.ts";
import type { Outputs } from "../src/jobs/outputs.ts";
import type { Jobs } from "../src/jobs/service.ts";
import { checkJobId } from "../src/wire/jobs/decode.ts";
import type { PrintTime } from "../src/wire/jobs/object.ts";

/** What the routes of jobs need. */
export interface JobsRoutesDeps {
  jobs: Jobs;
  /** Where requests are read, and jobs shown. */
  desk: JobDesk;
  /** The files of their results. */
  outputs: Outputs;
  importer: JobImport;
  print: PrintTime;
  /** Epoch ms. */
  now(): number;
}

/** The job that a path names. @throws ApiError 400 for what cannot be an id, 404 for none of this owner's. */
export function jobNamed({ jobs }: JobsRoutesDeps, request: FastifyRequest): Promise<Job> {
  const { id } = request.params as { id: string };
  return jobs.find(checkJobId(id), principalOf(request).id);
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
