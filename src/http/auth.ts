import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { KeyRing, Principal } from "../auth/keys.ts";
import { ApiError, invalidApiKey } from "../domain/error.ts";
import { WrongKeys } from "./wrong-keys.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The principal; undefined only on public routes. */
    principal: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** Marks a public route: it reveals nothing and starts nothing. */
    open?: boolean;
  }
}

const SCHEME = "bearer ";

// Created once: an error records its stack, which costs more than the rest of a refusal.
const MISSING_KEY = invalidApiKey(
  "You did not provide an API key. Send it in the header Authorization: Bearer <API_SERVER_KEY>.",
);
const WRONG_KEY = invalidApiKey(
  "Incorrect API key provided. Send the server's API_SERVER_KEY as Authorization: Bearer <key>.",
);

/**
 * The only place where requests are authenticated: turns a bearer token into `request.principal`, or answers 401, or
 * 429 after many wrong tokens from the same source. A right token is accepted from everywhere.
 */
export function installAuth(app: FastifyInstance, keys: KeyRing): void {
  const known = { keys, wrongKeys: new WrongKeys((message) => app.log.warn(message)) };
  app.decorateRequest("principal", undefined);
  app.addHook("onRequest", (request, _reply, done) => {
    // An unknown route is unknown to everybody; a preflight carries no credentials.
    if (request.is404 || request.routeOptions.config.open === true || request.method === "OPTIONS") done();
    else {
      const found = authenticate(request.raw, known);
      if (found instanceof ApiError) done(found);
      else {
        request.principal = found;
        done();
      }
    }
  });
}

/**
 * Returns the principal of a request, or the refusal: 401 without a key or with a wrong one, 429 after many wrong
 * ones.
 * @see RFC 6750 section 2.1; the scheme's name is case-insensitive (RFC 9110 section 11.1)
 */
function authenticate(
  { headers, socket }: IncomingMessage,
  { keys, wrongKeys }: { keys: KeyRing; wrongKeys: WrongKeys },
): Principal | ApiError {
  const { authorization = "" } = headers;
  if (authorization === "") return MISSING_KEY;
  if (authorization.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return WRONG_KEY;
  const principal = keys.verify(authorization.slice(SCHEME.length).trim());
  return principal ?? wrongKeys.count(socket.remoteAddress) ?? WRONG_KEY;
}

/** Returns the principal of an authenticated request. */
export function getPrincipal(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error("the route is open, so nobody is authenticated");
  return request.principal;
}
