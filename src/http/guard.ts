import { isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import { invalidRequest, misdirectedHost, originNotAllowed } from "../domain/error.ts";

/** Which hosts and origins may reach the server. */
export interface GuardOptions {
  /** Extra names that the server is reached by. */
  allowedHosts: readonly string[];
  /** Whether only this machine can reach it. */
  loopback: boolean;
  /** Exact origins of web pages that may call, or `*`. */
  origins: readonly string[];
}

const LOCAL_NAMES = ["localhost", "host.docker.internal", "host.containers.internal"];

/** Remembered Host headers; a server is reached by a handful of them. */
const MAX_REMEMBERED = 256;

/**
 * Keeps web pages out: a page that rebinds its name to this machine shows in `Host`, any other page in `Origin`.
 * A rebinding page always has a name, so IP literals are allowed.
 * @throws ApiError 421 for a foreign host, 400 for none, 403 for an origin that is not listed.
 */
export function createGuard(options: GuardOptions): (request: FastifyRequest) => void {
  const names = new Set([
    ...LOCAL_NAMES,
    ...options.allowedHosts.map((name) => hostName(name.toLowerCase()) ?? ""),
  ]);
  const origins = new Set(options.origins);
  const verdicts = new Map<string, boolean>();
  const isAllowedHost = (host: string): boolean => {
    const known = verdicts.get(host);
    if (known !== undefined) return known;
    const verdict = isAllowedName(hostName(host.toLowerCase()), names, options.loopback);
    if (verdicts.size >= MAX_REMEMBERED) verdicts.clear();
    verdicts.set(host, verdict);
    return verdict;
  };
  return (request) => {
    const { host, origin } = request.raw.headers;
    if (host !== undefined && !isAllowedHost(host)) throw misdirectedHost(host);
    // HTTP/1.0 has no Host header, and no browser speaks it.
    if (host === undefined && request.raw.httpVersion === "1.1") {
      throw invalidRequest(undefined, "The header Host is missing.", "missing_host");
    }
    if (!request.raw.url?.startsWith("/") && request.raw.url !== "*") {
      throw invalidRequest(undefined, "Send the request to a path, not to a full URL.", "invalid_url");
    }
    if (origin === undefined || origins.has("*") || origins.has(origin) || isOwn(origin, host)) return;
    throw originNotAllowed(origin);
  };
}

/** Returns the name in a Host header without its port; undefined if the header is invalid. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(:\d{1,5})?$/.exec(host)?.[1];
}

function isAllowedName(name: string | undefined, names: ReadonlySet<string>, loopback: boolean): boolean {
  if (name === undefined) return false;
  if (names.has(name) || isIP(name.replace(/^\[|\]$/g, "")) !== 0) return true;
  // Inside a container network, other services use a name without dots.
  return !loopback && /^[\w-]+$/.test(name);
}

/** Returns whether the page was served by this server, directly or behind a TLS proxy. */
function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
