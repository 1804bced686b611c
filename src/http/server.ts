import cors from "@fastify/cors";
import websocket from "@fastify/websocket";
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { KeyRing } from "../auth/keys.ts";
import { httpRefusal, notFound } from "../domain/error.ts";
import { shown } from "../lib/text.ts";
import { installAuth } from "./auth.ts";
import { acceptJson, BODY_LIMIT_BYTES } from "./body.ts";
import { Closing } from "./closing.ts";
import { handleError } from "./errors.ts";
import { createGuard } from "./guard.ts";
import { checkMessage } from "./message.ts";
import { answerOddRequests, handleClientError } from "./refuse-socket.ts";
import { RouteTable } from "./route-table.ts";
import { elapsedMs } from "./send.ts";
import { leaveUnread } from "./unread-body.ts";
import { validateWithZod } from "./zod.ts";

/** Which log lines are written, and where. */
export interface LogOptions {
  level: string;
  /** Receives JSON lines; stdout by default. */
  stream?: { write(line: string): void };
}

/** Options of the HTTP server. */
interface ServerOptions {
  log: LogOptions;
  keys: KeyRing;
  /** Exact origins of web pages that may call, or `*`; none switches CORS off. */
  origins: readonly string[];
  allowedHosts: readonly string[];
  /** Whether only this machine can reach the server. */
  loopback: boolean;
  nextId(): string;
}

const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 120_000;

/** Sent with every answer, including streams and errors. */
const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

/** Creates a server without routes: error envelope, request ids, guards, auth, CORS. Add the routes, then listen. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const closing = new Closing();
  const answers = { closing, headers: () => commonHeaders(`req_${options.nextId()}`) };
  const app = fastify({
    logger: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 512 },
    // The guard requires the Host header, with our message.
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requireHostHeader: false,
      // Any other upgrade, which Java's clients request each time, is ignored.
      shouldUpgradeCallback: ({ method, url, headers }) =>
        method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && SOCKET_URL.test(url ?? ""),
    },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    requestIdHeader: false,
    // One logger for all: a child logger would cost every request, and only faults are logged.
    childLoggerFactory: (logger) => logger,
    genReqId: (request) => requestId(request.headers["x-request-id"], options.nextId),
    clientErrorHandler: (error, socket) => handleClientError(error, socket, answers),
    // No hook runs for these.
    frameworkErrors: (error, request, reply) => {
      reply.headers(commonHeaders(request.id)).header("openai-processing-ms", elapsedMs(reply));
      leaveUnread(request, reply, closing);
      handleError(error, request, reply);
    },
  });
  // Before any plugin: a route that declares error schemas would otherwise answer 500.
  app.setErrorHandler(handleError);
  app.setValidatorCompiler(validateWithZod);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  const routes = new RouteTable();
  app.addHook("onRoute", (route) => routes.add(route.method, route.url));
  // Answered by the hook below, before a body is read; without a handler of its own Fastify would not run it.
  app.setNotFoundHandler(() => {});
  acceptJson(app);
  await installSockets(app);
  answerOddRequests(app, answers);
  addBasicHooks(app, createGuard(options), closing);
  if (options.origins.length > 0) await installCors(app, options.origins);
  app.addHook("onRequest", (request, reply, done) => {
    if (request.is404) answerUnknown(request, reply, routes);
    else done();
  });
  installAuth(app, options.keys);
  return app;
}

/** Hooks for the start of every request and the end of every answer. */
function addBasicHooks(
  app: FastifyInstance,
  guard: (request: FastifyRequest) => void,
  closing: Closing,
): void {
  app.addHook("onRequest", (request, reply, done) => {
    // What was sent after the last request of a connection is no request.
    if (closing.has(request.raw.socket)) {
      reply.hijack();
      return;
    }
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    checkMessage(request);
    guard(request);
    done();
  });
  // The form with a callback: the async one costs a promise for each answer.
  app.addHook("onSend", (...[request, reply, payload, done]) => {
    reply.header("openai-processing-ms", elapsedMs(reply));
    if (!request.raw.complete || reply.statusCode >= 400) leaveUnread(request, reply, closing);
    done(null, payload);
  });
  app.addHook("preClose", (done) => {
    closing.shutDown();
    done();
  });
}

/** Adds the routes of WebSockets. */
const SOCKET_URL = /^(\/v1)?\/responses(\?|$)/;

/**
 * Handshakes pass the hooks of all requests. To be called before any hook that refuses: the package closes the
 * connection of a refused handshake only when its own hook came first.
 */
async function installSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: BODY_LIMIT_BYTES, autoPong: false },
    // A broken protocol is answered by the package itself.
    errorHandler: (error, socket, request) => {
      if (socket.readyState !== socket.OPEN) return;
      request.log.error({ err: error, requestId: request.id }, "internal error");
      socket.close(1011);
    },
  });
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** A client's own id, when it is harmless, helps both sides find the request. */
function requestId(given: string | string[] | undefined, nextId: () => string): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : `req_${nextId()}`;
}

async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    // Reflects what the page asks for: X-Hermes-*, x-stainless-*, Idempotency-Key, Last-Event-ID and the like.
    exposedHeaders: EXPOSED_HEADERS,
    // Else an OPTIONS that is no preflight would get a bare 400.
    strictPreflight: false,
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

/** 405 where the path exists for other methods, else 404; OPTIONS is told which. */
function answerUnknown(request: FastifyRequest, reply: FastifyReply, routes: RouteTable): void {
  const path = request.url.split("?", 1)[0] ?? request.url;
  const { method } = request;
  const methods = routes.methodsOf(path);
  if (methods.length === 0) throw notFound("unknown_url", `Unknown request URL: ${method} ${shown(path)}.`);
  reply.header("allow", [...methods, "OPTIONS"].join(", "));
  if (method === "OPTIONS") {
    reply.code(204).send();
    return;
  }
  const message = `${method} is not allowed for ${shown(path)}; use ${methods.join(" or ")}.`;
  throw httpRefusal("method_not_allowed", message);
}

/** For answers that no hook sees. */
function commonHeaders(requestId: string): Record<string, string> {
  return { ...SECURITY_HEADERS, "x-request-id": requestId };
}
