import { execFileSync } from "node:child_process";
import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Worker } from "node:worker_threads";

/** A file in a directory whose name leads somewhere else all the time. */
export interface SwappedFile {
  /** How often it has been swapped so far. */
  swaps(): number;
  /** Stops; the name stays what it was last. */
  stop(): Promise<void>;
}

/** Which file is swapped. */
export interface SwapTerms {
  /** An empty directory outside `root`, on the same disk. */
  base: string;
  /** The directory that the file lies in; it gets a file of its own beside it. */
  root: string;
  name: string;
  /** A file in `root` that must never be given out, whatever leads to it; it is written. */
  secret: string;
  /** Repeats the order of the swaps. */
  seed: number;
}

/** What the file holds where it may be read. */
export const INSIDE = "INSIDE ".repeat(20);
/** What no reader may ever see. */
export const FORBIDDEN = "FORBIDDEN ".repeat(20);

/** Puts one of the things below `kinds` in the place of the file, at random, again and again. */
const SWAPPER = `
  const { linkSync, lstatSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } = require("node:fs");
  const { join } = require("node:path");
  const { workerData: { kinds, entry, parked, seed, control } } = require("node:worker_threads");
  const names = readdirSync(kinds);
  let state = seed;
  while (Atomics.load(control, 0) === 0) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const kind = join(kinds, names[Math.floor(state / 2 ** 32 * names.length)]);
    rmSync(parked, { force: true });
    if (lstatSync(kind).isSymbolicLink()) symlinkSync(readlinkSync(kind), parked);
    else linkSync(kind, parked);
    renameSync(parked, entry);
    Atomics.add(control, 1, 1);
  }
`;

/**
 * Starts swapping: the file itself, links in, out, round and nowhere, a FIFO, a device, a hard link of the secret. `root`
 * exists.
 */
export async function swapFile({ base, root, name, secret, seed }: SwapTerms): Promise<SwappedFile> {
  const [kinds, outside, inside] = [join(base, "kinds"), join(base, "outside"), join(root, "down", "file")];
  for (const directory of [join(root, "down"), kinds, outside]) await mkdir(directory, { recursive: true });
  await writeFile(join(kinds, "file"), INSIDE);
  await writeFile(inside, INSIDE);
  await writeFile(secret, FORBIDDEN);
  await writeFile(join(outside, "file"), FORBIDDEN);
  execFileSync("mkfifo", [join(kinds, "fifo")]);
  await link(secret, join(kinds, "hard-link"));
  const links = {
    in: "down/file",
    absolute: inside,
    out: relative(root, join(outside, "file")),
    far: join(outside, "file"),
    secret: relative(root, secret),
    round: name,
    nowhere: "nothing",
    directory: "down",
    device: "/dev/zero",
    environment: "/proc/self/environ",
  };
  for (const [kind, target] of Object.entries(links)) await symlink(target, join(kinds, kind));
  const entry = join(root, name);
  await link(join(kinds, "file"), entry);
  const control = new Int32Array(new SharedArrayBuffer(8));
  const workerData = { kinds, entry, parked: join(base, "parked"), seed, control };
  const swapper = new Worker(SWAPPER, { eval: true, workerData });
  const ended = new Promise<void>((resolve) => swapper.once("exit", () => resolve()));
  return {
    swaps: () => Atomics.load(control, 1),
    stop: () => {
      Atomics.store(control, 0, 1);
      return ended;
    },
  };
}
