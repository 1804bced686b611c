import type { FastifyInstance } from "fastify";
import { notFound } from "../../src/domain/error.ts";
import { mount } from "../../src/http/mount.ts";

/** OpenAI's endpoints that an agent does not have, and what to do instead. */
const UNSUPPORTED: readonly [methods: string[], paths: string[], hint: string][] = [
  [["POST"], ["/v1/completions"], "Use POST /v1/chat/completions."],
  [
    ["POST"],
    ["/v1/embeddings"],
    "Point the client's embedding settings at an embeddings server, for example Ollama.",
  ],
  [["POST"], ["/v1/moderations"], "There is no moderation model here."],
  [
    ["POST"],
    ["/v1/images/generations", "/v1/images/edits", "/v1/images/variations"],
    "Point the client's image settings at an image server.",
  ],
  [
    ["POST"],
    ["/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations"],
    "Point the client's speech settings at a speech server.",
  ],
  [["GET", "POST", "DELETE"], ["/v1/files", "/v1/files/*"], "Send text and images inside the messages."],
  [["GET"], ["/v1/chat/completions"], "Chat completions are not listed here."],
  [
    ["GET", "POST", "DELETE"],
    ["/v1/chat/completions/*"],
    "Chat completions cannot be read again by their id here.",
  ],
];

/** Answers them with a 404 that says so, where a bare "unknown URL" would leave people guessing. */
export function unsupportedRoutes(app: FastifyInstance): void {
  for (const [method, paths, hint] of UNSUPPORTED) {
    for (const url of paths) {
      mount(app, {
        method,
        url,
        schema: { hide: true },
        // Before the body is read: these endpoints take forms and files.
        onRequest: async () => {
          throw notFound(
            "unsupported_endpoint",
            `This server does not have ${url.replace("/*", "")}. ${hint}`,
          );
        },
        handler: () => {},
      });
    }
  }
}
