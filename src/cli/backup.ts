import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Config, type LoadOptions, loadConfig } from "../config/load.ts";
import { EXIT, StartError } from "../main.ts";

/** Where a backup goes. */
export interface BackupTarget {
  file: string;
  /** Whether it may take another file's place. */
  force: boolean;
}

/**
 * Writes a copy of the running server's database to a file for this user only, whole or not at all.
 * @throws StartError with one line for the user: no server, a refusal, or a file that exists or cannot be written.
 */
export async function backUp(options: LoadOptions, target: BackupTarget): Promise<void> {
  const config = loadConfig(options);
  const file = resolve(options.cwd ?? process.cwd(), target.file);
  if (!target.force && (await exists(file))) throw refused(file);
  const partial = `${file}.${process.pid}.partial`;
  try {
    // First: where nothing can be written nothing need be copied.
    const handle = await open(partial, "wx", 0o600);
    const bytes = await receive(config, handle).finally(() => handle.close());
    // A link, since it fails when the name was taken meanwhile.
    if (target.force) await rename(partial, file);
    else await link(partial, file);
    process.stdout.write(`${file}: ${bytes} bytes\n`);
  } catch (error) {
    throw failureOf(file, error);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Where a server answers that listens on all addresses. */
const OF_ALL: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

async function ask({ settings }: Config): Promise<Response> {
  const { host, port, key = "" } = settings.server;
  const name = OF_ALL[host] ?? host.replace(/^\[|\]$/g, "");
  const origin = `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
  let response: Response;
  try {
    response = await fetch(`${origin}/v1/backup`, { headers: { authorization: `Bearer ${key}` } });
  } catch {
    const cure = "Start it, or copy its state.db with what lies beside it while none runs.";
    throw new StartError(`No server answers at ${origin}. ${cure}`, EXIT.unavailable);
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
  const reason = body.error?.message ?? `status ${response.status}`;
  throw new StartError(`The server at ${origin} gives no backup: ${reason}`, EXIT.failure);
}

/** Gives the size when everything is on the disk. */
async function receive(config: Config, handle: FileHandle): Promise<number> {
  const { body, headers } = await ask(config);
  await pipeline(Readable.fromWeb(body ?? new ReadableStream()), async (chunks) => {
    for await (const chunk of chunks) await handle.write(chunk as Uint8Array);
  });
  await handle.sync();
  const { size } = await handle.stat();
  const expected = Number(headers.get("content-length"));
  if (size !== expected) throw new Error(`${size} of ${expected} bytes came`);
  return size;
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

function refused(file: string): StartError {
  return new StartError(`${file} exists; --force replaces it.`, EXIT.failure);
}

function failureOf(file: string, error: unknown): StartError {
  if (error instanceof StartError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST") return refused(file);
  return new StartError(`${file} was not written (${code ?? message}).`, EXIT.failure);
}
