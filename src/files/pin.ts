import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** Linux's `O_PATH` (not in node's constants): refers to a file without opening it, so no device or FIFO notices. */
export const O_PATH = 0x20_0000;
/** The Mac's flag that refuses a symbolic link anywhere in a path; elsewhere only its end can be guarded. */
export const NO_LINKS = process.platform === "darwin" ? 0x2000_0000 : constants.O_NOFOLLOW;

/**
 * A file or directory held by what it is, so that what is checked is what is used, whatever happens to its name.
 *
 * Synchronous throughout: each call is one look-up in the kernel's caches, a few µs, where the thread pool would take
 * ten times as long.
 */
export interface Pinned {
  /** The absolute path without symbolic links that it had when it was pinned. */
  readonly real: string;
  readonly stats: BigIntStats;
  /** A path to an entry of the pinned directory. */
  at(name: string): string;
  /**
   * Opens an entry of the pinned directory for reading; the caller closes it. A FIFO or a device never blocks.
   * @throws NodeJS.ErrnoException, also when the entry is a symbolic link.
   */
  openEntry(name: string): { fd: number; stats: BigIntStats };
  /**
   * Opens it and gives the descriptor, which the caller closes; a FIFO or a device never blocks.
   * @throws NodeJS.ErrnoException, with code `ESTALE` when it is no longer what was pinned.
   */
  open(flags: number): number;
  /** @throws NodeJS.ErrnoException with code `ESTALE` when its name leads elsewhere by now and `at` would follow. */
  verify(): void;
  close(): void;
}

/**
 * Pins what a path names. With `follow`, a symbolic link at its end is followed; else the link itself is pinned.
 * @throws NodeJS.ErrnoException when there is nothing by that name.
 */
export type Pin = (path: string, follow: boolean) => Pinned;

/** The identity of a file on this machine, the same through every name that it has. */
export function fileIdentity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Pins by an open descriptor and reaches it through /proc, which names cannot redirect (Linux). */
export const pinByDescriptor: Pin = (path, follow) => {
  const fd = openSync(path, O_PATH | (follow ? 0 : constants.O_NOFOLLOW));
  try {
    const link = `/proc/self/fd/${fd}`;
    return {
      real: readlinkSync(link),
      stats: fstatSync(fd, { bigint: true }),
      at: (name) => `${link}/${name}`,
      openEntry: (name) => opened(`${link}/${name}`),
      open: (flags) => openSync(link, flags | constants.O_NONBLOCK),
      verify: () => {},
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

/**
 * Pins by path, for systems without /proc: resolves it before the use and again after. Whoever can swap directories
 * of the workspace several times within those microseconds, at the right moments, can still lead it out.
 */
export const pinByPath: Pin = (path, follow) => {
  const real = follow ? realpathSync.native(path) : join(realpathSync.native(dirname(path)), basename(path));
  const stats = lstatSync(real, { bigint: true });
  const verify = (): void => {
    const before = realpathSync.native(dirname(real));
    const now = lstatSync(real, { bigint: true });
    const after = realpathSync.native(dirname(real));
    const isSame = fileIdentity(now) === fileIdentity(stats);
    if (!isSame || before !== dirname(real) || after !== before) throw stale(path);
  };
  return {
    real,
    stats,
    at: (name) => join(real, name),
    openEntry: (name) => {
      const entry = pinByPath(join(real, name), false);
      if (entry.real !== join(real, name)) throw stale(entry.real);
      return { fd: entry.open(constants.O_RDONLY), stats: entry.stats };
    },
    open: (flags) => openUnchanged({ real, stats, verify }, flags),
    verify,
    close: () => {},
  };
};

function opened(path: string): { fd: number; stats: BigIntStats } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | NO_LINKS);
  try {
    return { fd, stats: fstatSync(fd, { bigint: true }) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openUnchanged(pinned: Pick<Pinned, "real" | "stats" | "verify">, flags: number): number {
  const fd = openSync(pinned.real, flags | constants.O_NONBLOCK | NO_LINKS);
  try {
    if (fileIdentity(fstatSync(fd, { bigint: true })) !== fileIdentity(pinned.stats))
      throw stale(pinned.real);
    pinned.verify();
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The error for a name that leads elsewhere by now. */
export function stale(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} changed while it was used`), { code: "ESTALE" });
}

/** The safest way of pinning that this machine has. */
export function platformPin(): Pin {
  return hasDescriptorPaths() ? pinByDescriptor : pinByPath;
}

/** Whether an open descriptor has a path of its own here. */
export function hasDescriptorPaths(): boolean {
  return process.platform === "linux" && existsSync("/proc/self/fd");
}
