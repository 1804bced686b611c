import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import { join, sep } from "node:path";

/** The real path of what a name below a directory leads to; undefined when there is nothing, or it lies outside. */
export async function realPathInside(directory: string, name: string): Promise<string | undefined> {
  if (name.includes("\0")) return undefined;
  try {
    const [root, real] = await Promise.all([realpath(directory), realpath(join(directory, name))]);
    return real.startsWith(root + sep) ? real : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens what a real path named, as long as it is a regular file and no link took its place; undefined otherwise. Never
 * waits for a FIFO or a device; the caller closes it.
 */
export async function openRegular(real: string) {
  try {
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch {
    // It is gone, or may not be read.
  }
  return undefined;
}

/**
 * The first bytes of a regular file as text, and its size, bytes; undefined when it cannot be read. `real` is a real path,
 * as `realPathInside` gives it.
 */
export async function readRegular(
  real: string,
  maxBytes: number,
): Promise<{ text: string; size: number } | undefined> {
  const file = await openRegular(real);
  try {
    if (file === undefined) return undefined;
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size, maxBytes)), 0, null, 0);
    return { text: buffer.toString("utf8", 0, bytesRead), size };
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}
