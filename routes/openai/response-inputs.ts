import type { FastifyInstance } from "fastify";
import { invalidRequest } from "../../src/domain/error.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import { sendRun } from "../../src/http/send.ts";
import {
  CompactedResponse,
  CompactionEncoder,
  CompactRequest,
} from "../../src/wire/openai/responses/compact.ts";
import { InputTokens, InputTokensRequest } from "../../src/wire/openai/responses/input-tokens.ts";
import { sessionHeader } from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { type ResponsesDeps, readBody, readTerms } from "./responses-request.ts";

/** What can be done with the input of a response without an answer to it: sum it up, count it. */
export function responseInputsRoutes(app: FastifyInstance, deps: ResponsesDeps): void {
  compactRoute(app, deps);
  inputTokensRoute(app, deps);
}

function compactRoute(app: FastifyInstance, { runs, streams, settings }: ResponsesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/responses/compact",
    schema: {
      operationId: "compactResponse",
      summary: "Sum a conversation up, to go on from the summary",
      tags: ["responses"],
      body: CompactRequest,
      response: { 200: CompactedResponse, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { input: given, ...body } = request.body as CompactRequest;
      const { id: owner } = getPrincipal(request);
      const { toolItems, disconnect } = readTerms(request.headers, settings);
      const asked = await readBody({ ...body, input: given ?? [] }, { runs, settings, owner, toolItems });
      const { previous } = asked;
      if (previous === undefined && asked.items.length === 0) throw nothingGiven();
      const before = previous === undefined ? [] : await runs.transcript(previous, owner);
      const run = await runs.summarize(asked);
      reply.header("x-hermes-run-id", run.run.id);
      const encoder = new CompactionEncoder(run.run, before);
      await sendRun(reply, { run, encoder, stream: false, disconnect, streams });
      return reply;
    },
  });
}

function nothingGiven(): Error {
  const message = "Missing required parameter: 'input' or 'previous_response_id'.";
  return invalidRequest("input", message, "missing_required_parameter");
}

function inputTokensRoute(app: FastifyInstance, { runs, settings }: ResponsesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/responses/input_tokens",
    schema: {
      operationId: "countResponseInputTokens",
      summary: "Estimate the tokens of a response's input",
      tags: ["responses"],
      body: InputTokensRequest,
      response: { 200: InputTokens, default: ErrorBody },
    },
    handler: async (request) => {
      const body = request.body as InputTokensRequest;
      const { id: owner } = getPrincipal(request);
      const { toolItems, attended } = readTerms(request.headers, settings);
      const sessionId = sessionHeader(request.headers);
      const asked = { ...body, input: body.input ?? [] };
      const input = await readBody(asked, { runs, settings, owner, toolItems, attended, sessionId });
      return { object: "response.input_tokens", input_tokens: await runs.countInput(input) };
    },
  });
}
