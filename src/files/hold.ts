import { type BigIntStats, constants, readlinkSync } from "node:fs";
import { type FileHandle, lstat, open, realpath } from "node:fs/promises";
import { fileIdentity, hasDescriptorPaths, NO_LINKS, O_PATH, stale } from "./pin.ts";

/** A file or directory that is held by what it is while it is checked; the asynchronous kin of `Pinned`. */
export interface Held {
  /** The absolute path without symbolic links that it had when it was taken. */
  readonly real: string;
  readonly stats: BigIntStats;
  /** A path to it; `verify` afterwards says whether it led there. */
  readonly path: string;
  /** Opens a regular file for reading; never waits for a FIFO or a device. @throws NodeJS.ErrnoException */
  open(): Promise<FileHandle>;
  /** @throws NodeJS.ErrnoException with code `ESTALE` when its name leads elsewhere by now and `path` would follow. */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Holds what a path names, symbolic links followed, without opening it.
 * @throws NodeJS.ErrnoException when there is nothing by that name.
 */
export type Hold = (path: string) => Promise<Held>;

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Holds by an open descriptor and reaches it through /proc, which names cannot redirect (Linux). */
export const holdByDescriptor: Hold = async (name) => {
  const handle = await open(name, O_PATH);
  try {
    const path = `/proc/self/fd/${handle.fd}`;
    return {
      // What the kernel knows anyway: no disk is asked.
      real: readlinkSync(path),
      stats: await handle.stat({ bigint: true }),
      path,
      open: () => open(path, READ),
      verify: async () => {},
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
};

/** Holds by path, for systems without /proc: resolves it before the use and again after. @see pinByPath */
export const holdByPath: Hold = async (name) => {
  const real = await realpath(name);
  const stats = await lstat(real, { bigint: true });
  const verify = async () => {
    const [now, at] = await Promise.all([lstat(real, { bigint: true }), realpath(real)]);
    if (at !== real || fileIdentity(now) !== fileIdentity(stats)) throw stale(name);
  };
  return { real, stats, path: real, verify, open: () => openHeld(real, stats), close: async () => {} };
};

async function openHeld(real: string, stats: BigIntStats): Promise<FileHandle> {
  const handle = await open(real, READ | NO_LINKS);
  try {
    if (fileIdentity(await handle.stat({ bigint: true })) !== fileIdentity(stats)) throw stale(real);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The safest way of holding that this machine has. */
export function platformHold(): Hold {
  return hasDescriptorPaths() ? holdByDescriptor : holdByPath;
}
