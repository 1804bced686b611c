import { invalidRequest } from "../../domain/error.ts";
import { hasControlCharacter } from "../../lib/text.ts";

/** Request headers by lower-case name. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What a client's own ways ask of us. */
export type Client = "hermes" | "openwebui" | "nextchat" | "other";

/** Which frontend calls, by what it cannot help sending. */
export function detectClient(headers: Headers): Client {
  if (headers["x-hermes-session-id"] !== undefined) return "hermes";
  for (const name in headers) if (name.startsWith("x-openwebui-")) return "openwebui";
  return headerText(headers, "user-agent").includes("Next.js Middleware") ? "nextchat" : "other";
}

/**
 * Which of the known ways a header asks for, whatever its case; undefined when it is absent or empty.
 * @throws ApiError 400 for a header that names no way.
 */
export function askedWay<Way extends string>(
  headers: Headers,
  name: string,
  ways: readonly Way[],
): Way | undefined {
  const asked = headerText(headers, name.toLowerCase()).toLowerCase();
  const way = ways.find((known) => known === asked);
  if (way !== undefined || asked === "") return way;
  throw invalidRequest(name, `Invalid '${name}': use one of ${ways.join(", ")}.`);
}

/** The session that a header names, if one does. */
export function sessionHeader(headers: Headers): string | undefined {
  // An empty header names the session "", which is refused where ids are checked.
  return headers["x-hermes-session-id"] === undefined
    ? undefined
    : headerText(headers, "x-hermes-session-id");
}

const MAX_KEY_CHARS = 256;

/**
 * The memory scope that a request names.
 * @throws ApiError 400 for one that is too long or holds control characters.
 */
export function sessionKey(headers: Headers): string | undefined {
  if (headers["x-hermes-session-key"] === undefined) return undefined;
  const key = headerText(headers, "x-hermes-session-key");
  if (key.length > MAX_KEY_CHARS) throw invalidRequest("X-Hermes-Session-Key", "Session key too long");
  if (hasControlCharacter(key)) throw invalidRequest("X-Hermes-Session-Key", "Invalid session key");
  return key;
}

/**
 * Whether a disconnect ends the run, from `X-Hermes-Disconnect`, else as configured.
 * @throws ApiError 400 for any other value.
 */
export function disconnectCancels(headers: Headers, configured: "cancel" | "continue"): boolean {
  return (askedWay(headers, "X-Hermes-Disconnect", ["cancel", "continue"]) ?? configured) === "cancel";
}

/**
 * Whether a person answers what a run asks, from `X-Hermes-Approvals`: `events` tells the client, which then answers,
 * `deny` lets nobody be asked.
 * @throws ApiError 400 for any other value.
 */
export function isAttended(headers: Headers, byDefault: "events" | "deny"): boolean {
  return (askedWay(headers, "X-Hermes-Approvals", ["events", "deny"]) ?? byDefault) === "events";
}

/** A header's value, "" when it is absent; of a repeated one the first. */
export function headerText(headers: Headers, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
}
