import type { FileHandle } from "node:fs/promises";

/** A file found by a walk. */
export interface FoundFile {
  /** Relative to the workspace, with `/`. */
  path: string;
  bytes: number;
}

/** How a walk looks for files. */
export interface WalkOptions {
  /** Directory to start from, relative to the workspace or absolute inside it. */
  path: string;
  /** Glob that a file's path relative to `path` must match. */
  glob: string;
  signal: AbortSignal;
}

/**
 * File access that cannot leave one directory. Every path is resolved to its real one when it is used, so a symbolic
 * link cannot lead out, and what was opened is what was checked. The server's own secrets (`.env`, its database,
 * keys) are refused even when they lie inside.
 *
 * All methods take paths relative to the workspace, or absolute ones inside it.
 * @throws ToolError with a message for the model when a path leads out, is protected, or is not of the right kind.
 */
export interface Workspace {
  /** The real, absolute path of the workspace. */
  readonly root: string;
  /** The real path of an existing directory. */
  directory(path: string): Promise<string>;
  /** Opens an existing regular file for reading; the caller closes it. Never blocks on a FIFO or a device. */
  open(path: string): Promise<FileHandle>;
  /** Creates or replaces a regular file, parents included; a reader sees the old content or the new, never a mix. */
  write(path: string, content: string): Promise<{ created: boolean; bytes: number }>;
  /** Regular files below a directory: without `.git`, `node_modules`, what .gitignore files exclude, and what is protected. */
  walk(options: WalkOptions): AsyncIterable<FoundFile>;
}
