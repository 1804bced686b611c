import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import request from "undici/lib/api/api-request.js";
import Client from "undici/lib/dispatcher/client.js";
import { isJsonObject, parseJsonObject } from "../lib/json.ts";

/** A model server found on this machine. */
export interface LocalModel {
  /** The preset's name. */
  preset: "ollama" | "lmstudio" | "llamacpp";
  baseUrl: string;
  model: string;
}

/** Which port belongs to whom; injected so that tests need not own the usual ports. */
export interface DetectOptions {
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
 * Looks for a local model server on its usual loopback port, in order of preference, and takes its first model.
 * A port is asked only when this user or root listens on it: another user's process could pose as a model and make
 * the agent run its commands. Ends within the timeout, whatever the ports do.
 */
export async function detectLocalModel(options: DetectOptions = {}): Promise<LocalModel | undefined> {
  const candidates = options.candidates ?? CANDIDATES;
  const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  const found = await Promise.all(
    candidates.map(async ({ preset, port }) => {
      const baseUrl = `http://127.0.0.1:${port}/v1`;
      if (!(await isOwnPort(port, signal))) return undefined;
      const model = await firstModel(baseUrl, { signal });
      return model === undefined ? undefined : { preset, baseUrl, model };
    }),
  );
  return found.find((local) => local !== undefined);
}

/** How to ask an upstream for its models. */
export interface ListOptions {
  signal: AbortSignal;
  headers?: Record<string, string>;
}

/** Models that cannot answer a chat. */
const NO_CHAT = /embed|rerank|whisper|tts|moderation|dall-e/i;
const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** The first model that an upstream lists and that can chat, or undefined when it lists none or does not answer. */
export async function firstModel(baseUrl: string, options: ListOptions): Promise<string | undefined> {
  const { signal, headers = {} } = options;
  let client: Client | undefined;
  try {
    const { origin, pathname } = new URL(baseUrl);
    client = new Client(origin);
    const path = `${pathname.replace(/\/+$/, "")}/models`;
    const response = await request.call(client, { method: "GET", path, signal, headers });
    const text = await limitedText(response.body);
    const body = response.statusCode === 200 ? parseJsonObject(text) : undefined;
    const models: unknown[] = Array.isArray(body?.["data"]) ? body["data"] : [];
    const ids = models.map((model) => (isJsonObject(model) ? model["id"] : undefined));
    return ids.find((id): id is string => typeof id === "string" && !NO_CHAT.test(id));
  } catch {
    // Nobody there, too slow, or no model server: each means that nothing was found.
    return undefined;
  } finally {
    await client?.destroy();
  }
}

/** @throws Error when there is more than a list of models can have. */
async function limitedText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_LIST_BYTES) throw new Error("The list of models is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Whether all listeners on a loopback port belong to this user or root. Unknown counts as no. */
export async function isOwnPort(port: number, signal: AbortSignal): Promise<boolean> {
  try {
    if (process.platform === "linux")
      return ownListeners(await procTables(signal), port, process.getuid?.() ?? -1);
    if (process.platform === "darwin") return await seenByLsof(port, signal);
    return false;
  } catch {
    return false;
  }
}

/** Both tables whole, or nothing: half of one could hide another user's listener. Without IPv6 there is only one. */
async function procTables(signal: AbortSignal): Promise<string> {
  const read = (file: string) =>
    readFile(file, { encoding: "utf8", signal }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
  return (await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(read))).join("\n");
}

/**
 * Reads the kernel's socket tables: local address and port in hex, remote ones, state (0A listens), three counters, and
 * the owner's uid. One search of the whole text: with 100,000 connections, splitting it would hold the loop for long.
 */
export function ownListeners(tables: string, port: number, uid: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const listeners = tables.matchAll(
    new RegExp(`:${hex} [0-9A-F]+:[0-9A-F]{4} 0A \\S+ \\S+ \\S+ +(\\d+)`, "g"),
  );
  const owners = [...listeners].map(([, owner]) => Number(owner));
  return owners.length > 0 && owners.every((owner) => owner === uid || owner === 0);
}

/** Without root, lsof sees this user's own sockets only, so what it lists is ours. */
async function seenByLsof(port: number, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], {
    signal,
  });
  return stdout.trim() !== "";
}
