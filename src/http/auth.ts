import bearerAuth from "@fastify/bearer-auth";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { KeyRing, Principal } from "../auth/keys.ts";
import { tooManyWrongKeys } from "../domain/error.ts";
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

/**
 * The one choke point: turns a bearer token into `request.principal`, or the request ends here with a 401; with a 429
 * when many wrong ones came from its source. A right one is taken from everywhere.
 */
export async function installAuth(app: FastifyInstance, keys: KeyRing): Promise<void> {
  const wrongKeys = new WrongKeys((message) => app.log.warn(message));
  app.decorateRequest("principal", undefined);
  await app.register(bearerAuth, {
    addHook: false,
    keys: new Set<string>(),
    // The scheme's name is case-insensitive.
    specCompliance: "rfc6749",
    verifyErrorLogLevel: "debug",
    auth: (token, request) => {
      request.principal = keys.verify(token);
      if (request.principal !== undefined) return true;
      const waitMs = wrongKeys.count(request.socket.remoteAddress);
      if (waitMs !== undefined) throw tooManyWrongKeys(waitMs);
      return false;
    },
  });
  app.addHook("onRequest", (request, reply, done) => {
    // An unknown route is unknown to everybody; a preflight carries no credentials.
    if (request.is404 || request.routeOptions.config.open === true || request.method === "OPTIONS") done();
    else app.verifyBearerAuth?.(request, reply, done);
  });
}

/** The principal of an authenticated request. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new Error("the route is open, so nobody is authenticated");
  return request.principal;
}
