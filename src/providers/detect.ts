import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import request from "undici/lib/api/api-request.js";
import Client from "undici/lib/dispatcher/client.js";
import { isJsonObject, parseJsonObject } from "../lib/json.ts";

/** A model server found on this machine. */
export interface LocalModel {
  /** The name of its preset. */
  preset: "ollama" | "lmstudio" | "llamacpp";
  baseUrl: string;
  model: string;
}

/** The ports to look at; replaced by tests, which cannot use the usual ones. */
interface DetectOptions {
  candidates?: readonly { preset: LocalModel["preset"]; port: number }[];
  timeoutMs?: number;
}

const CANDIDATES = [
  { preset: "ollama", port: 11434 },
  { preset: "lmstudio", port: 1234 },
  { preset: "llamacpp", port: 8080 },
] as const;

const TIMEOUT_MS = 150;

/**
 * Looks for local model servers on their usual loopback ports and returns the first in order of preference, with its
 * first model. A port is asked only when this user or root listens on it: another user's process could pose as a model
 * and make the agent run its commands. Ends within the timeout, whatever the ports do.
 */
export async function detectLocalModel(options: DetectOptions = {}): Promise<LocalModel | undefined> {
  const candidates = options.candidates ?? CANDIDATES;
  const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const found = await Promise.all(
    candidates.map(async ({ preset, port }) => {
      const baseUrl = `http://127.0.0.1:${port}/v1`;
      if (!(await isOwnPort(port, signal))) return undefined;
      const model = await findFirstModel(baseUrl, { signal });
      return model === undefined ? undefined : { preset, baseUrl, model };
    }),
  );
  return found.find((local) => local !== undefined);
}

interface ListOptions {
  signal: AbortSignal;
  headers?: Record<string, string>;
}

/** Models that cannot answer a chat. */
const NO_CHAT = /embed|rerank|whisper|tts|moderation|dall-e/i;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** Returns the first listed model that can chat, or undefined when an upstream lists none or does not answer. */
export async function findFirstModel(baseUrl: string, options: ListOptions): Promise<string | undefined> {
  const { signal, headers = {} } = options;
  let client: Client | undefined;
  try {
    const { origin, pathname } = new URL(baseUrl);
    client = new Client(origin);
    const path = `${pathname.replace(/\/+$/, "")}/models`;
    const response = await request.call(client, { method: "GET", path, signal, headers });
    const text = await readLimited(response.body);
    const body = response.statusCode === 200 ? parseJsonObject(text) : undefined;
    const models: unknown[] = Array.isArray(body?.["data"]) ? body["data"] : [];
    const ids = models.map((model) => (isJsonObject(model) ? model["id"] : undefined));
    return ids.find((id): id is string => typeof id === "string" && !NO_CHAT.test(id));
  } catch {
    // Nothing listens, it is too slow, or it is no model server: each means that nothing was found.
    return undefined;
  } finally {
    await client?.destroy();
  }
}

/** @throws Error when the body is longer than any list of models. */
async function readLimited(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_LIST_BYTES) throw new Error("The list of models is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Returns whether all listeners on a loopback port belong to this user or root; false when that is unknown. */
export async function isOwnPort(port: number, signal: AbortSignal): Promise<boolean> {
  try {
    if (process.platform === "linux")
      return ownsListeners(await readSocketTables(signal), port, process.getuid?.() ?? -1);
    if (process.platform === "darwin") return await isListedByLsof(port, signal);
    return false;
  } catch {
    return false;
  }
}

/**
 * Reads both socket tables completely, or fails: a part could hide another user's listener. Without IPv6 there is only
 * one.
 */
async function readSocketTables(signal: AbortSignal): Promise<string> {
  const read = (file: string) =>
    readFile(file, { encoding: "utf8", signal }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
  return (await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(read))).join("\n");
}

/**
 * Returns whether this user or root owns all listeners on a port, by the kernel's socket tables. A line has the local
 * address and port in hex, the remote ones, the state (0A listens), three counters and the owner's uid. The text is
 * searched as a whole: splitting it, with 100,000 connections, would block the event loop for long.
 */
export function ownsListeners(tables: string, port: number, uid: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const listeners = tables.matchAll(
    new RegExp(`:${hex} [0-9A-F]+:[0-9A-F]{4} 0A \\S+ \\S+ \\S+ +(\\d+)`, "g"),
  );
  const owners = [...listeners].map(([, owner]) => Number(owner));
  return owners.length > 0 && owners.every((owner) => owner === uid || owner === 0);
}

/** Without root, lsof lists only this user's own sockets. */
async function isListedByLsof(port: number, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], {
    signal,
  });
  return stdout.trim() !== "";
}
