import { lookup as systemLookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import type { Agent, buildConnector, Response } from "undici";
import { type DestinationPolicy, effectivePort } from "./destination-policy.ts";
import { FetchError } from "./fetch-error.ts";

/** A request to a place that somebody else has named. */
export interface SafeRequest {
  url: string;
  method: "GET" | "POST";
  /** By names in lower case. */
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** For all of it: names, connections, redirects and the answer. */
  timeoutMs: number;
  /** Of the answer's body, as it is when unpacked; 0: it is not read. */
  maxBytes: number;
  /** Redirects that are followed; 0: a redirect is the answer. */
  maxRedirects: number;
  signal: AbortSignal;
}

/** What came back. */
export interface SafeAnswer {
  /** Where it came from in the end. */
  url: string;
  status: number;
  headers: Response["headers"];
  body: Buffer;
}

/**
 * Asks a place that somebody else has named: the only way out for requests of jobs, clients and models.
 * @throws FetchError for a place that is not allowed, and when nothing whole came back; the signal's reason when aborted.
 */
export type SafeFetch = (request: SafeRequest) => Promise<SafeAnswer>;

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly { address: string; family: number }[]>;

/** What requests are sent with. */
interface SafeFetchDeps {
  places: DestinationPolicy;
  /** Default: the system's. */
  resolve?: Resolve;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What one place was told in confidence must not reach another. */
const CONFIDENTIAL: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Makes requests whose connections lead nowhere but where `places` allows. */
export function createSafeFetch({ places, resolve = resolveAll }: SafeFetchDeps): SafeFetch {
  return async (request) => {
    places.check(request.url);
    const timeout = AbortSignal.timeout(request.timeoutMs);
    // Loaded when it is needed: most servers never ask anybody.
    const { default: undici } = await import("undici");
    const connect = guardedConnector(undici, { places, resolve });
    // None is kept: an answer that is not read to its end must not hold a connection.
    const agent = new undici.Agent({
      connect,
      allowH2: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      bodyTimeout: 0,
    });
    try {
      const signal = AbortSignal.any([request.signal, timeout]);
      return await followRedirects(request, { fetch: undici.fetch, places, agent, signal });
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      throw timeout.aborted ? new FetchError("timeout") : toFetchError(error);
    } finally {
      await agent.destroy();
    }
  };
}

type Undici = typeof import("undici").default;

interface Way {
  fetch: Undici["fetch"];
  places: DestinationPolicy;
  agent: Agent;
  signal: AbortSignal;
}

/** One of the requests that a redirected one becomes. */
type Hop = Pick<SafeRequest, "url" | "method" | "headers" | "body">;

async function followRedirects(
  request: SafeRequest,
  { fetch, places, agent, signal }: Way,
): Promise<SafeAnswer> {
  let hop: Hop = request;
  for (let redirects = 0; ; redirects++) {
    const { url, method, headers = {}, body = null } = hop;
    const checked = places.check(url);
    const response = await fetch(checked, {
      method,
      headers,
      body,
      redirect: "manual",
      dispatcher: agent,
      signal,
    });
    const next = request.maxRedirects === 0 ? undefined : redirected(hop, response);
    if (next === undefined) {
      const { status, headers: given } = response;
      return { url, status, headers: given, body: await collectBody(response, request.maxBytes) };
    }
    if (redirects === request.maxRedirects) throw new FetchError("redirects");
    await response.body?.cancel();
    hop = next;
  }
}

/** Where an answer sends a request to; undefined for one that is an answer. @throws FetchError when that is nowhere. */
function redirected(
  { url, method, headers = {}, body }: Hop,
  { status, headers: given }: Response,
): Hop | undefined {
  const location = REDIRECTS.has(status) ? given.get("location") : null;
  if (location === null) return undefined;
  const next = URL.parse(location, url);
  if (next === null) throw new FetchError("url");
  const isSame = next.origin === new URL(url).origin;
  const kept = isSame ? headers : without(headers, (name) => CONFIDENTIAL.has(name));
  const isRead = status === 303 || (status < 303 && method === "POST");
  if (isRead)
    return { url: next.href, method: "GET", headers: without(kept, (name) => name.startsWith("content-")) };
  return { url: next.href, method, headers: kept, ...(body !== undefined && { body }) };
}

async function collectBody(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  if (maxBytes === 0) {
    await response.body?.cancel();
    return Buffer.alloc(0);
  }
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new FetchError("too_large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function without(headers: Readonly<Record<string, string>>, isGone: (name: string) => boolean) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isGone(name.toLowerCase())));
}

/**
 * Connects only to addresses that were looked at: a name is resolved once, and what it gave is what is connected to. An
 * address in a URL is never looked up, so it is looked at here, too, whoever made the URL.
 */
function guardedConnector(
  undici: Undici,
  { places, resolve }: Required<SafeFetchDeps>,
): buildConnector.connector {
  return (options, callback) => {
    const { hostname } = options;
    const port = effectivePort(options);
    if (isIP(hostname) !== 0 && !places.allowsAddress(hostname, port)) {
      callback(new FetchError("blocked"), null);
      return;
    }
    const lookup = toLookup(async (name) => {
      const found = await resolve(name);
      if (places.allowsName(name, port)) return found;
      const allowed = found.filter(({ address }) => places.allowsAddress(address, port));
      if (found.length > 0 && allowed.length === 0) throw new FetchError("blocked");
      return allowed;
    });
    const connect = undici.buildConnector({
      host: hostname,
      port,
      lookup,
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: false,
    });
    connect(options, callback);
  };
}

function toLookup(resolve: Resolve): LookupFunction {
  return (name, { all }, done) => {
    const fail = (error: Error) => done(error, "", 0);
    resolve(name).then((found) => {
      const [first] = found;
      if (first === undefined) fail(new FetchError("unknown_host"));
      else if (all === true) done(null, [...found]);
      else done(null, first.address, first.family);
    }, fail);
  };
}

async function resolveAll(name: string) {
  try {
    return await systemLookup(name, { all: true });
  } catch {
    throw new FetchError("unknown_host");
  }
}

/** What lies at the bottom of a failed fetch, in words of ours. */
function toFetchError(error: unknown): FetchError {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof FetchError) return cause;
  return new FetchError("network");
}
