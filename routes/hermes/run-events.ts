import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalidRequest } from "../../src/domain/error.ts";
import { isLast } from "../../src/domain/event.ts";
import { mount } from "../../src/http/mount.ts";
import { nameRun, streamRun } from "../../src/http/send.ts";
import type { Streams } from "../../src/http/streams.ts";
import type { Runs } from "../../src/runs/service.ts";
import {
  AgentEventPrinter,
  LastDelta,
  RunsEncoder,
  STREAM_CLOSED,
} from "../../src/wire/hermes/runs/encode.ts";
import { RunEvents, RunEventsQuery } from "../../src/wire/hermes/runs/schema.ts";
import { headerText } from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { namedRun, unknownRun } from "./named-run.ts";

/** What the route needs. */
interface RunEventsDeps {
  runs: Runs;
  streams: Streams;
}

/**
 * GET /v1/runs/{id}/events: a run's events from the first or from any later one on, for any number of readers, while it
 * goes on and afterwards.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
 */
export function runEventsRoute(app: FastifyInstance, { runs, streams }: RunEventsDeps): void {
  const last = new LastDelta();
  mount(app, {
    method: "GET",
    url: "/v1/runs/:id/events",
    schema: {
      operationId: "followRun",
      summary: "Follow a run's events",
      tags: ["runs"],
      querystring: RunEventsQuery,
      response: { 200: RunEvents, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { id, owner } = namedRun(request);
      const after = readCursor(request);
      const run = await runs.watch(id, owner, after);
      if (run === undefined) throw unknownRun();
      checkCursor(after, runs.lastSeq(id));
      const { format } = request.query as RunEventsQuery;
      const encoder =
        format === "agent" ? new AgentEventPrinter() : new RunsEncoder(run.run, { after, last });
      const known = after > 0 ? await runs.factsUpTo(run.run.id, after) : [];
      for (const event of known) encoder.read(event);
      nameRun(reply, run);
      // The reader has the run's end: there is nothing to wait for.
      if (known.some(isLast))
        return reply.type("text/event-stream; charset=utf-8").send(encoder.open() + STREAM_CLOSED);
      void streamRun(reply, { run, encoder, disconnect: { cancels: false, graceMs: 0 }, streams });
      return reply;
    },
  });
}

/** What a browser sends by itself when it connects again comes first. */
function readCursor(request: FastifyRequest): number {
  const header = headerText(request.headers, "last-event-id");
  const { after, last_seq: lastSeq } = request.query as RunEventsQuery;
  if (header === "") return after ?? lastSeq ?? 0;
  if (!/^\d{1,15}$/.test(header)) throw badCursor();
  return Number(header);
}

/** `last`: the number that the run gave out last, while it goes on. */
function checkCursor(after: number, last: number | undefined): void {
  if (last !== undefined && after > last) throw badCursor();
}

function badCursor(): Error {
  const message = "'Last-Event-ID' must be the id of an event of this run.";
  return invalidRequest("Last-Event-ID", message, "invalid_cursor");
}
