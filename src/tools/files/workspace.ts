import { closeSync, constants, readFile } from "node:fs";
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { type Pin, type Pinned, platformPin, stale } from "../../files/pin.ts";
import { ToolError } from "../define.ts";
import type { LineOptions, Workspace } from "../workspace.ts";
import { explain, explained, type Limits, openInside, pinInside } from "./confinement.ts";
import { readLines } from "./lines.ts";
import { Protection } from "./protection.ts";
import { type Place, replaceFile, resolveTarget, withPlace } from "./replace.ts";
import { SearchPool } from "./search-pool.ts";
import { Turns } from "./turns.ts";

const MAX_EDIT_BYTES = 10 * 1024 * 1024;

const readAll = promisify<number, Buffer>(readFile);

/** What a workspace is made of. */
interface WorkspaceOptions {
  /** An existing directory. */
  root: string;
  /**
   * Absolute paths of files and directories that are the server's own; the last segment may be a glob. They are
   * looked up at each use, directories with all in them, so these should be small.
   */
  protectedPaths: readonly string[];
  /** How files are held while they are checked; the platform's safest way when left out, and in searches always. */
  pin?: Pin;
}

/**
 * The workspace on this machine's disk.
 * @throws NodeJS.ErrnoException when the root does not exist.
 */
export async function createWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const root = await realpath(options.root);
  const { protectedPaths, pin = platformPin() } = options;
  const protection = new Protection(protectedPaths);
  const shared = { turns: new Turns(), searches: new SearchPool(protectedPaths) };
  return buildWorkspace({ root, alias: resolve(options.root), protection, pin }, shared);
}

/** What a workspace has in common with those within it. */
interface Shared {
  turns: Turns;
  searches: SearchPool;
}

/** `targets`: the only files that may be written, by real path; undefined: all. */
function buildWorkspace(limits: Limits, shared: Shared, targets?: readonly string[]): Workspace {
  const { root, alias } = limits;
  const change = (path: string, use: (place: Place) => Promise<string>) =>
    explained(path, async () => {
      const target = resolveTarget(limits, path);
      if (targets?.includes(target) === false) throw stale(path);
      return shared.turns.take(target, () =>
        withPlace(limits, target, async (place) => replaceFile(place, await use(place))),
      );
    });

  return {
    root,
    within: (path) => buildWorkspace({ ...limits, ...rootAt(limits, path) }, shared, targets),
    target: (path) => explainedNow(path, () => resolveTarget(limits, path)),
    writingOnly: (judged) => buildWorkspace(limits, shared, judged),
    directory: (path) => explained(path, () => realDirectory(limits, path)),
    lines: (path, lineOptions) => linesOf(limits, path, lineOptions),
    write: (path, content) => change(path, () => Promise.resolve(content)),
    edit: (path, edit) => change(path, async ({ existing }) => edit(await readExisting(existing))),
    search: (request, signal) => shared.searches.search({ ...request, root, alias }, signal),
  };
}

function rootAt(limits: Limits, path: string): Pick<Limits, "root" | "alias"> {
  const root = explainedNow(path, () => realDirectory(limits, path));
  return { root, alias: root };
}

function explainedNow<Result>(path: string, use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    throw explain(path, error);
  }
}

function realDirectory(limits: Limits, path: string): string {
  const pinned = pinInside(limits, path, "a directory");
  pinned.close();
  return pinned.real;
}

async function* linesOf(limits: Limits, path: string, options: LineOptions): AsyncGenerator<string[]> {
  const file = await explained(path, () => openInside(limits, path));
  try {
    yield* readLines(file, options);
  } catch (error) {
    throw explain(path, error);
  } finally {
    closeSync(file.fd);
  }
}

/** The text of an existing file, complete and unchanged, a byte order mark included. */
async function readExisting(existing: Pinned | undefined): Promise<string> {
  if (existing === undefined) throw new ToolError("there is no such file.");
  if (existing.stats.size > MAX_EDIT_BYTES) throw new ToolError("it is too big to edit (over 10 MB).");
  const fd = existing.open(constants.O_RDONLY);
  try {
    const bytes = await readAll(fd);
    if (bytes.includes(0)) throw new ToolError("it is a binary file, not text.");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw error instanceof TypeError ? new ToolError("it is not UTF-8 text.") : error;
  } finally {
    closeSync(fd);
  }
}
