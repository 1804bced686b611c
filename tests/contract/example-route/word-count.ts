import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { mount } from "../../../src/http/mount.ts";
import { ErrorBody } from "../../../src/wire/shared/error.ts";

const CountRequest = z.strictObject({ text: z.string().max(1_000) });
const CountAnswer = z.object({ words: z.int() });

/** POST /v1/word-count: a route with a checked body. Key, size limits, request ids and errors come from the server. */
export function wordCountRoute(http: FastifyInstance): void {
  mount(http, {
    method: "POST",
    url: "/v1/word-count",
    schema: { body: CountRequest, response: { 200: CountAnswer, default: ErrorBody } },
    handler: async (request) => {
      const { text } = request.body as z.infer<typeof CountRequest>;
      return { words: text.split(/\s+/).filter((word) => word !== "").length };
    },
  });
}
