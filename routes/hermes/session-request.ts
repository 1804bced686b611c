import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { unknownSession } from "../../src/domain/error.ts";
import type { Session } from "../../src/domain/session.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import type { Streams } from "../../src/http/streams.ts";
import type { Runs } from "../../src/runs/service.ts";
import type { SessionCatalog } from "../../src/sessions/catalog.ts";
import type { SessionContents } from "../../src/sessions/contents.ts";
import type { SessionForks } from "../../src/sessions/forks.ts";
import type { SessionModels } from "../../src/sessions/models.ts";
import type { Sessions } from "../../src/sessions/service.ts";
import type { FileReader } from "../../src/wire/shared/files/reader.ts";

/** What the routes need. */
export interface SessionRoutesDeps {
  runs: Runs;
  sessions: Sessions;
  catalog: SessionCatalog;
  contents: SessionContents;
  forks: SessionForks;
  sessionModels: SessionModels;
  streams: Streams;
  files: FileReader;
}

/** Adds a route of `/api/sessions`, and the same under `/v1/sessions`. Only the first is documented. */
export function mountSession(app: FastifyInstance, route: RouteOptions): void {
  app.route({ ...route, url: `/api/sessions${route.url}` });
  app.route({ ...route, url: `/v1/sessions${route.url}`, schema: { ...route.schema, hide: true } });
}

/** The session that a path names, and who asks. */
export function readNamedSession(request: FastifyRequest): { id: string; owner: string } {
  const { id } = request.params as { id: string };
  return { id, owner: getPrincipal(request).id };
}

/** @throws ApiError 404 when the owner has no session of that id. */
export async function sessionNamed(sessions: Sessions, request: FastifyRequest): Promise<Session> {
  const { id, owner } = readNamedSession(request);
  const session = await sessions.find(id, owner);
  if (session === undefined) throw unknownSession();
  return session;
}
