import type { FastifyInstance } from "fastify";
import { admitRequest } from "../../src/http/admission.ts";
import { mount } from "../../src/http/mount.ts";
import { sendRun } from "../../src/http/send.ts";
import type { Streams } from "../../src/http/streams.ts";
import type { Runs } from "../../src/runs/service.ts";
import { isBackground } from "../../src/wire/openai/chat/background.ts";
import { chatFiles, decodeChat } from "../../src/wire/openai/chat/decode.ts";
import { ChatEncoder, type ToolProgress } from "../../src/wire/openai/chat/encode.ts";
import { ChatCompletion, ChatRequest } from "../../src/wire/openai/chat/schema.ts";
import { progressFor } from "../../src/wire/openai/chat/tool-progress.ts";
import {
  detectClient,
  disconnectCancels,
  type Headers,
  isAttended,
  sessionHeader,
  sessionKey,
} from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import type { FileReader } from "../../src/wire/shared/files/reader.ts";

/** How chat requests are treated where they do not say so themselves. */
interface ChatSettings {
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
interface ChatDeps {
  runs: Runs;
  streams: Streams;
  settings: ChatSettings;
}

/** POST /v1/chat/completions: a stateless turn of the agent, or one of a session named by a header. */
export function chatRoutes(app: FastifyInstance, { runs, streams, settings }: ChatDeps): void {
  const admission = { runs, files: settings.files };
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
      const headers: Headers = request.headers;
      const { progress, cancels, attended, key, sessionId, errorAsText } = readChatTerms(headers, settings);
      const task = headers["x-openwebui-task"];
      const includeUsage = (request.body as ChatRequest).stream_options?.include_usage ?? false;
      const { run, input } = await admitRequest<ChatRequest>(admission, {
        request,
        reply,
        sessionId,
        key,
        terms: { sessionId, key, task, progress, errorAsText, attended },
        sent: chatFiles,
        decode: (body, { owner, idempotency, files }) =>
          decodeChat(body, {
            owner,
            sessionId,
            clientTools: settings.clientTools,
            background: isBackground(headers, body, settings.smallRequestsAreBackground),
            attended,
            idempotency,
            files,
          }),
      });
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

/** Reads what a request's headers say. @throws ApiError 400 for one that cannot be. */
function readChatTerms(headers: Headers, settings: ChatSettings) {
  const { toolProgress: progress, namedEvents: events } = settings;
  return {
    progress: progressFor(headers, { progress, events }),
    cancels: disconnectCancels(headers, settings.onDisconnect),
    attended: isAttended(headers, "deny"),
    key: sessionKey(headers),
    sessionId: sessionHeader(headers),
    errorAsText: detectClient(headers) === "nextchat",
  };
}
