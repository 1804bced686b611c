import cors from "@fastify/cors";
import fastify, { type FastifyInstance, type FastifyRequest, LogController } from "fastify";
import type { KeyRing } from "../auth/keys.ts";
import { type Failure, httpRefusal, notFound } from "../domain/error.ts";
import { installAuth } from "./auth.ts";
import { envelope, handleError } from "./errors.ts";
import { createGuard } from "./guard.ts";
import { RouteTable } from "./route-table.ts";
import { elapsedMs } from "./send.ts";
import { validateWithZod } from "./zod.ts";

/** Which lines are logged, and where to. */
export interface LogOptions {
  level: string;
  /** Takes JSON lines; stdout when left out. */
  stream?: { write(line: string): void };
}

/** How the HTTP side is set up. */
export interface ServerOptions {
  log: LogOptions;
  keys: KeyRing;
  /** Exact origins of web pages that may call, or `*`; none switches CORS off. */
  origins: readonly string[];
  allowedHosts: readonly string[];
  /** Whether only this machine can reach the server. */
  loopback: boolean;
  nextId(): string;
}

const BODY_LIMIT_BYTES = 10_000_000;
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 120_000;

/** On every answer, streams and errors included. */
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

/** A server without routes: error envelope, request ids, guards, auth, CORS. Add the routes, then listen. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 512 },
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    requestIdHeader: false,
    // One logger for all: a child for each request costs every request, and only faults are logged.
    childLoggerFactory: (logger) => logger,
    genReqId: (request) => requestId(request.headers["x-request-id"], options.nextId),
    clientErrorHandler: (error, socket) => refuseSocket(error, socket),
    frameworkErrors: (error, request, reply) => handleError(error, request, reply),
  });
  // Before any plugin: a route that declares error schemas would otherwise answer 500.
  app.setErrorHandler(handleError);
  app.setValidatorCompiler(validateWithZod);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  const routes = new RouteTable();
  app.addHook("onRoute", (route) => routes.add(route.method, route.url));
  app.setNotFoundHandler((request, reply) =>
    handleError(unknownRoute(request, routes, reply), request, reply),
  );
  acceptJson(app);
  const guard = createGuard(options);
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    guard(request);
    done();
  });
  // biome-ignore lint/complexity/useMaxParams: the signature is Fastify's, and the async form costs a promise per answer
  app.addHook("onSend", (_request, reply, payload, done) => {
    reply.header("openai-processing-ms", elapsedMs(reply));
    done(null, payload);
  });
  if (options.origins.length > 0) await installCors(app, options.origins);
  await installAuth(app, options.keys);
  return app;
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** A client's own id, when it is harmless, helps both sides find the request. */
function requestId(given: string | string[] | undefined, nextId: () => string): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : `req_${nextId()}`;
}

/** Only JSON comes in, and a POST without a body needs no content type; cancelling has none. */
function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else parseJson(request, body as string, done);
  });
}

async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    // Reflects what the page asks for: X-Hermes-*, x-stainless-*, Idempotency-Key, Last-Event-ID and the like.
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 600,
  });
}

const EXPOSED_HEADERS = [
  "X-Request-Id",
  "Retry-After",
  "X-Should-Retry",
  "OpenAI-Processing-Ms",
  "Idempotency-Replayed",
  "X-Hermes-Run-Id",
  "X-Hermes-Session-Id",
  "X-Hermes-Session-Key",
  "X-Hermes-Completed",
  "X-Hermes-Partial",
];

/** 405 where the path exists for other methods, else 404. */
function unknownRoute(
  request: FastifyRequest,
  routes: RouteTable,
  reply: { header(name: string, value: string): unknown },
) {
  const path = request.url.split("?", 1)[0] ?? request.url;
  const methods = routes.methodsOf(path);
  if (methods.length === 0) return notFound("unknown_url", `Unknown request URL: ${request.method} ${path}.`);
  reply.header("allow", methods.join(", "));
  return httpRefusal(
    405,
    "method_not_allowed",
    `${request.method} is not allowed for ${path}; use ${methods.join(" or ")}.`,
  );
}

/** What is no HTTP request at all gets the envelope as well, by hand: there is no request to reply to. */
function refuseSocket(error: Error & { code?: string }, socket: import("node:net").Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const failure = SOCKET_FAILURES[error.code ?? ""] ?? SOCKET_FAILURES["default"];
  const { status } = failure as Failure;
  const body = JSON.stringify(envelope(failure as Failure));
  const head = `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? "Bad Request"}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

const SOCKET_FAILURES: Readonly<Record<string, Failure>> = {
  ERR_HTTP_REQUEST_TIMEOUT: httpRefusal(408, "request_timeout", "The request took too long to arrive.")
    .failure,
  HPE_HEADER_OVERFLOW: httpRefusal(431, "headers_too_large", "The request headers are too large.").failure,
  default: httpRefusal(400, "invalid_request", "The request is not valid HTTP.").failure,
};
