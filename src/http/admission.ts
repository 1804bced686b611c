import type { FastifyReply, FastifyRequest } from "fastify";
import type { RunInput } from "../domain/run.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { Runs } from "../runs/service.ts";
import { readFiles, type SentPart } from "../wire/shared/files/parts.ts";
import type { FileReader } from "../wire/shared/files/reader.ts";
import { readIdempotency } from "../wire/shared/idempotency.ts";
import type { ReadParts } from "../wire/shared/parts.ts";
import { getPrincipal } from "./auth.ts";
import { nameRun, nameSession } from "./send.ts";

/** What admission needs. */
interface AdmissionDeps {
  runs: Runs;
  files: FileReader;
}

/** What is known about a request before it is decoded. */
interface Known {
  /** The principal that asks. */
  owner: string;
  idempotency: RunInput["idempotency"];
  /** The texts of the request's files. */
  files: ReadParts | undefined;
}

/**
 * One surface's reading of one request. The two functions get the body as an argument: what they kept of it would stay in
 * memory as long as the answer takes.
 */
interface Asked<Body> {
  request: FastifyRequest;
  reply: FastifyReply;
  /** The session that the request names. */
  sessionId: string | undefined;
  /** The memory scope that the request names. */
  key?: string | undefined;
  /**
   * What besides the body decides about the answer; a repeated request with the same idempotency key must have the
   * same.
   */
  terms: Readonly<Record<string, unknown>>;
  /** Finds the files in the body. */
  sent(body: Body): readonly SentPart[];
  /** Decodes the body, and does what must be done right before the run is admitted. */
  decode(body: Body, known: Known): RunInput | Promise<RunInput>;
}

/** An admitted run, and its input. */
interface Admitted {
  run: LiveRun;
  input: RunInput;
}

/**
 * Admits the run that a request asks for, and names it in the head of the answer. The order: the idempotency key, the files,
 * the surface's own decoding, the caps on runs. Read headers before, in the surface's own order.
 * @throws ApiError 400 for a key, a file or a body that cannot be, 409 for a key of another request, 429, 503 and 507 as
 * `Runs.admit`.
 */
export async function admitRequest<Body>(
  { runs, files: reader }: AdmissionDeps,
  asked: Asked<Body>,
): Promise<Admitted> {
  const { request, reply, sessionId, key } = asked;
  const body = request.body as Body;
  const idempotency = readIdempotency(request.headers, body, asked.terms);
  const sent = asked.sent(body);
  // Most requests have no files and wait for nothing.
  const files = sent.length === 0 ? undefined : await readFiles(sent, reader);
  const decoded = asked.decode(body, { owner: getPrincipal(request).id, idempotency, files });
  const input = decoded instanceof Promise ? await decoded : decoded;
  // The request object lives until the answer ends, which can take minutes; its body is no longer needed.
  request.body = undefined;
  const run = await runs.admit(input);
  nameRun(reply, run);
  // A conversation has a name of its own.
  nameSession(reply, { sessionId: run.run.sessionId === sessionId ? sessionId : undefined, key });
  return { run, input };
}
