import type { FastifyInstance } from "fastify";
import { principalOf } from "../src/http/auth.ts";
import { mount } from "../src/http/mount.ts";
import { nameRun, nameSession, sendRun } from "../src/http/send.ts";
import type { Streams } from "../src/http/streams.ts";
import type { Runs } from "../src/runs/service.ts";
import { isBackground } from "../src/wire/chat/background.ts";
import { decodeChat, fileContents } from "../src/wire/chat/decode.ts";
import { ChatEncoder, type ToolProgress } from "../src/wire/chat/encode.ts";
import { ChatCompletion, ChatRequest } from "../src/wire/chat/schema.ts";
import { progressFor } from "../src/wire/chat/tool-progress.ts";
import {
  detectClient,
  disconnectCancels,
  type Headers,
  isAttended,
  sessionKey,
  sessionOf,
} from "../src/wire/client.ts";
import { ErrorBody } from "../src/wire/error.ts";
import { readFiles } from "../src/wire/files/parts.ts";
import type { FileReader } from "../src/wire/files/reader.ts";
import { idempotencyOf } from "../src/wire/idempotency.ts";

/** How chat requests are treated where they do not say so themselves. */
export interface ChatSettings {
  clientTools: "allow" | "ignore";
  toolProgress: ToolProgress;
  /** Whether hermes' named events may be sent to clients that did not ask for them. */
  namedEvents: boolean;
  onDisconnect: "cancel" | "continue";
  disconnectGraceMs: number;
  smallRequestsAreBackground: boolean;
  files: FileReader;
}

/** What the route needs. */
export interface ChatDeps {
  runs: Runs;
  streams: Streams;
  settings: ChatSettings;
}

/** POST /v1/chat/completions: a stateless turn of the agent, or one of a session named by a header. */
export function chatRoutes(app: FastifyInstance, { runs, streams, settings }: ChatDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/chat/completions",
    schema: {
      operationId: "createChatCompletion",
      summary: "Create a chat completion",
      tags: ["chat"],
      body: ChatRequest,
      response: { 200: ChatCompletion, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const body = request.body as ChatRequest;
      const headers: Headers = request.headers;
      const { progress, cancels, attended, key, sessionId, errorAsText } = termsOf(headers, settings);
      const includeUsage = body.stream_options?.include_usage ?? false;
      const task = headers["x-openwebui-task"];
      // First, since what is in files is put in their places.
      const idempotency = idempotencyOf(headers, body, {
        sessionId,
        key,
        task,
        progress,
        errorAsText,
        attended,
      });
      await readFiles(fileContents(body), settings.files);
      const input = decodeChat(body, {
        owner: principalOf(request).id,
        sessionId,
        clientTools: settings.clientTools,
        background: isBackground(headers, body, settings.smallRequestsAreBackground),
        attended,
        idempotency,
      });
      // The request lives as long as its answer, which can take minutes; what was read of it need not.
      request.body = undefined;
      const run = await runs.admit(input);
      nameRun(reply, run);
      nameSession(reply, { sessionId: run.run.sessionId, key });
      const encoder = new ChatEncoder({
        run: run.run,
        includeUsage,
        progress,
        errorAsText,
        json: input.settings.format !== undefined,
      });
      const disconnect = { cancels, graceMs: settings.disconnectGraceMs };
      await sendRun(reply, { run, encoder, stream: input.deltas, disconnect, streams });
      return reply;
    },
  });
}

/** What a request's headers say. @throws ApiError 400 for one that cannot be. */
function termsOf(headers: Headers, settings: ChatSettings) {
  const { toolProgress: progress, namedEvents: events } = settings;
  return {
    progress: progressFor(headers, { progress, events }),
    cancels: disconnectCancels(headers, settings.onDisconnect),
    attended: isAttended(headers, "deny"),
    key: sessionKey(headers),
    sessionId: sessionOf(headers),
    errorAsText: detectClient(headers) === "nextchat",
  };
}
