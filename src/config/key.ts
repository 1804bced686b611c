import { randomBytes } from "node:crypto";
import { keepInEnvFile } from "./env-file.ts";
import { ConfigError } from "./error.ts";
import { whyNot } from "./home-file.ts";
import type { Config } from "./load.ts";
import { findWeakness } from "./weak-key.ts";

/** The bearer key that clients must send, and whether it was made just now. */
export interface ServerKey {
  value: string;
  created: boolean;
}

/** What a header carries unchanged: printable ASCII, no white space at its ends. */
const SENDABLE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;

/** Whether only this machine can reach an address to listen on. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * The configured key, or on loopback a new one, stored in the home's `.env` for this user only.
 * @throws ConfigError when the server would be reachable from outside with no key or a weak one, and for a key that no
 * client could send.
 */
export function ensureServerKey(config: Config): ServerKey {
  const { host, key } = config.settings.server;
  const cure = `Set API_SERVER_KEY in ${config.home.envFile}, for example to the output of: openssl rand -hex 32`;
  if (key === undefined || key.trim() === "") {
    if (isLoopback(host)) return createKey(config);
    throw new ConfigError(`Listening on ${host} needs a key of its own, since others can reach it. ${cure}`);
  }
  if (!SENDABLE.test(key)) {
    throw new ConfigError(
      `The API key has characters that no HTTP header carries. Use letters, digits and signs of ASCII. ${cure}`,
    );
  }
  const weakness = findWeakness(key);
  if (!isLoopback(host) && weakness !== undefined) {
    throw new ConfigError(`The API key is ${weakness}, which is too weak to listen on ${host}. ${cure}`);
  }
  return { value: key, created: false };
}

function createKey(config: Config): ServerKey {
  const value = `hermes-${randomBytes(24).toString("base64url")}`;
  const file = config.home.envFile;
  try {
    const kept = keepInEnvFile(file, "API_SERVER_KEY", value);
    return { value: kept, created: kept === value };
  } catch (error) {
    throw new ConfigError(
      `No API key is set and a new one cannot be stored in ${file} (${whyNot(error)}). Set API_SERVER_KEY.`,
    );
  }
}

/** A reason to warn about a key that is accepted only because nobody else can reach the server. */
export function keyWarning(key: string): string | undefined {
  const weakness = findWeakness(key);
  if (weakness === undefined) return undefined;
  return `The API key is weak: ${weakness}. It is accepted because the server listens on loopback only.`;
}
