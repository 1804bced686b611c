import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { type ApiError, httpRefusal, invalidRequest } from "../domain/error.ts";
import type { Closing } from "./closing.ts";
import { envelope, httpStatus } from "./errors.ts";

// Not by an import statement: that reads everything node:http exports, and loads a whole fetch for it, 16 MB.
const { STATUS_CODES } = process.getBuiltinModule("node:http");

/** What answers are made with that no hook sees. */
interface SocketAnswers {
  closing: Closing;
  /** The headers of every answer, with a new request id. */
  headers(): Record<string, string>;
}

/** Ends a connection with a refusal as its last answer, in the envelope, where there is no request to reply to. */
function refuseSocket(socket: Socket, { failure }: ApiError, { closing, headers }: SocketAnswers): void {
  const status = httpStatus(failure);
  const body = JSON.stringify(envelope(failure));
  const all = {
    ...headers(),
    "openai-processing-ms": "0",
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  closing.withBytes(socket, [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"));
}

/** What Node reports as `clientError`. */
interface ClientError extends Error {
  code?: string;
  /** The bytes that came last. */
  rawPacket?: unknown;
}

/** Answers what is no HTTP request at all, or came too slowly. */
export function handleClientError(error: ClientError, socket: Socket, answers: SocketAnswers): void {
  const { closing } = answers;
  if (error.code === "ECONNRESET" || !socket.writable || closing.has(socket)) socket.destroy();
  // More than the request that was to be the last one: it is answered, and nothing else is.
  else if (error.code === "HPE_CLOSED_CONNECTION") closing.withBytes(socket);
  else refuseSocket(socket, toRefusal(error, socket), answers);
}

function toRefusal({ code, rawPacket }: ClientError, { bytesRead }: Socket): ApiError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return httpRefusal("request_timeout", "The request took too long to arrive.");
  if (code !== "HPE_HEADER_OVERFLOW") return httpRefusal("invalid_request", "The request is not valid HTTP.");
  // The first bytes of the connection, without the end of a line.
  if (Buffer.isBuffer(rawPacket) && rawPacket.length === bytesRead && !rawPacket.includes("\n"))
    return httpRefusal("url_too_long", "The URL is too long: with the headers, 16 KB at most.");
  return httpRefusal("headers_too_large", "The request headers are too large: 16 KB at most.");
}

/** Takes on what Node and the WebSocket package would otherwise answer by themselves, without the envelope. */
export function answerOddRequests(app: FastifyInstance, answers: SocketAnswers): void {
  const { server, websocketServer } = app;
  const handle = (request: IncomingMessage, response: ServerResponse) =>
    server.emit("request", request, response);
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    // Whoever reads the body wants it: by then the key, the length and the type were looked at.
    request.once("resume", () => {
      if (!response.headersSent) response.writeContinue();
    });
    handle(request, response);
  });
  server.on("checkExpectation", handle);
  server.on("connect", (_request: IncomingMessage, socket: Socket) => {
    refuseSocket(socket, httpRefusal("method_not_allowed", "CONNECT is not allowed here."), answers);
  });
  websocketServer.on("wsClientError", (error, socket) => {
    const refusal = invalidRequest(undefined, `${error.message}.`, "invalid_handshake");
    refuseSocket(socket as Socket, refusal, answers);
  });
}
