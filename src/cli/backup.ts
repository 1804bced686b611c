import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { LoadOptions } from "../config/load.ts";
import { Client } from "./client.ts";
import type { Command } from "./command.ts";
import { EXIT, StartError } from "./failure.ts";

/** Where a backup goes. */
interface BackupTarget {
  file: string;
  /** Whether it may take another file's place. */
  force: boolean;
}

/** `hermes backup <file>` */
export const backup: Command = {
  usage: "<file>",
  options: { force: { type: "boolean" } },
  run: ({ options, args: [file = ""], values }) => backUp(options, { file, force: values["force"] === true }),
};

/**
 * Writes a copy of the running server's database to a file for this user only, whole or not at all.
 * @throws StartError with one line for the user: no server, a refusal, or a file that exists or cannot be written.
 */
async function backUp(options: LoadOptions, target: BackupTarget): Promise<void> {
  const server = new Client(
    options,
    "Start it, or copy its state.db with what lies beside it while none runs.",
  );
  const file = resolve(options.cwd ?? process.cwd(), target.file);
  if (!target.force && (await exists(file))) throw fileRefusal(file);
  const partial = `${file}.${process.pid}.partial`;
  try {
    // First: where nothing can be written nothing need be copied.
    const handle = await open(partial, "wx", 0o600);
    const bytes = await receiveBackup(server, handle).finally(() => handle.close());
    // A link, since it fails when the name was taken meanwhile.
    if (target.force) await rename(partial, file);
    else await link(partial, file);
    process.stdout.write(`${file}: ${bytes} bytes\n`);
  } catch (error) {
    throw toBackupError(file, error);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Gives the size when everything is on the disk. */
async function receiveBackup(server: Client, handle: FileHandle): Promise<number> {
  const { body, headers } = await server.open("/v1/backup");
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

function fileRefusal(file: string): StartError {
  return new StartError(`${file} exists; --force replaces it.`, EXIT.failure);
}

function toBackupError(file: string, error: unknown): StartError {
  if (error instanceof StartError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EEXIST") return fileRefusal(file);
  return new StartError(`${file} was not written (${code ?? message}).`, EXIT.failure);
}
