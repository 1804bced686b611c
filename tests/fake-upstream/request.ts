import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { type JsonObject, parseJsonObject } from "../../src/lib/json.ts";
import type { Protocol } from "./script.ts";

/** What a request asks for. */
export type Endpoint = "completion" | "models" | "count_tokens" | "unknown";

/** A request as it arrived, body included. */
export interface ReceivedRequest {
  /** Its place in order of arrival, from 1. */
  readonly n: number;
  readonly method: string;
  /** As received, query included. */
  readonly path: string;
  readonly protocol: Protocol;
  readonly endpoint: Endpoint;
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: Buffer;
  /** Undefined when the body is no JSON object. */
  readonly body: JsonObject | undefined;
  readonly stream: boolean;
  /** How its answer went: `aborted` by the client, `cut` by the script or by `close()`. */
  outcome: "open" | "answered" | "aborted" | "cut";
}

const ROUTES: Record<string, { protocol?: Protocol; endpoint: Endpoint }> = {
  "POST /chat/completions": { protocol: "chat", endpoint: "completion" },
  "POST /messages": { protocol: "messages", endpoint: "completion" },
  "POST /messages/count_tokens": { protocol: "messages", endpoint: "count_tokens" },
  "GET /models": { endpoint: "models" },
};

/** Reads a request to its end. */
export async function receive(message: IncomingMessage): Promise<Omit<ReceivedRequest, "n">> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  const rawBody = Buffer.concat(parts);
  const body = parseJsonObject(rawBody.toString());
  const { method = "", url: path = "", headers } = message;
  const route = ROUTES[`${method} ${path.replace(/\?.*$/, "").replace(/^\/v1(?=\/)/, "")}`];
  // Both have GET /v1/models; only Anthropic's clients must name a version.
  const protocol = route?.protocol ?? (headers["anthropic-version"] === undefined ? "chat" : "messages");
  const endpoint = route?.endpoint ?? "unknown";
  const stream = body?.["stream"] === true;
  return { method, path, protocol, endpoint, headers, rawBody, body, stream, outcome: "open" };
}

/**
 * The body of a chat completion request, typed.
 * @throws Error when it is another kind of request.
 */
export function asChat(request: ReceivedRequest): OpenAI.ChatCompletionCreateParams {
  return bodyFor(request, "chat") as unknown as OpenAI.ChatCompletionCreateParams;
}

/**
 * The body of a messages request, typed.
 * @throws Error when it is another kind of request.
 */
export function asMessages(request: ReceivedRequest): Anthropic.MessageCreateParams {
  return bodyFor(request, "messages") as unknown as Anthropic.MessageCreateParams;
}

function bodyFor(request: ReceivedRequest, protocol: Protocol): JsonObject {
  const { method, path, body, endpoint } = request;
  if (endpoint !== "completion" || request.protocol !== protocol || body === undefined) {
    throw new Error(`fake upstream: ${method} ${path} is no ${protocol} request with a JSON body`);
  }
  return body;
}
