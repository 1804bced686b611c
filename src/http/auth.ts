import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { KeyRing, Principal } from "../auth/keys.ts";
import { ApiError, invalidApiKey } from "../domain/error.ts";
import { WrongKeys } from "./wrong-keys.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who asks; undefined only on routes that are open to all. */
    principal: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** The route is open to all: it tells nothing and starts nothing. */
    open?: boolean;
  }
}

const SCHEME = "bearer ";

// Made once: an error records where it was made, which costs more than all else about a refusal.
const MISSING_KEY = invalidApiKey(
  "You did not provide an API key. Send it in the header Authorization: Bearer <API_SERVER_KEY>.",
);
const WRONG_KEY = invalidApiKey(
  "Incorrect API key provided. Send the server's API_SERVER_KEY as Authorization: Bearer <key>.",
);

/**
 * The one choke point: turns a bearer token into `request.principal`, or the request ends here with a 401; with a 429
 * when many wrong ones came from its source. A right one is taken from everywhere.
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
 * Who a request comes from, or why nobody knows: 401 without a key or with a wrong one, 429 after many wrong ones.
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

/** The principal of an authenticated request. */
export function getPrincipal(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error("the route is open, so nobody is authenticated");
  return request.principal;
}
