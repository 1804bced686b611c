import type { FastifyRequest } from "fastify";
import { type ApiError, notFound } from "../../src/domain/error.ts";
import { type RunId, runIdFrom } from "../../src/domain/id.ts";
import { getPrincipal } from "../../src/http/auth.ts";

/** The run that a path names, under any of its names, and who asks. @throws ApiError 404 for what names none. */
export function namedRun(request: FastifyRequest): { id: RunId; owner: string } {
  const { id } = request.params as { id: string };
  const run = runIdFrom(id);
  if (run === undefined) throw unknownRun();
  return { id: run, owner: getPrincipal(request).id };
}

/** 404: no run of that id, or somebody else's. */
export function unknownRun(): ApiError {
  return notFound("run_not_found", "There is no such run.");
}
