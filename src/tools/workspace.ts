/** What is searched for. */
export interface SearchRequest {
  /** Directory to search, or one file to search for lines; relative to the workspace or absolute inside it. */
  path: string;
  /** Glob that a file's path relative to `path` must match. */
  glob: string;
  /** What a line must match; left out, files are found instead of lines. */
  pattern?: { source: string; flags: string };
  /** Matches at most. */
  limit: number;
  /** How long the search may run; the wait for its turn does not count. */
  budgetMs: number;
}

/** A file that was found, or one line of it. */
export interface SearchMatch {
  /** Relative to the workspace, with `/`. */
  path: string;
  /** The line's number, from 1, and its beginning. */
  line?: { number: number; text: string };
}

/** What a search found, in the order of names, directory by directory. */
export interface SearchResult {
  matches: SearchMatch[];
  /** Why there may be more. */
  cut?: "limit" | "time";
  /** How many files could not be searched, because they are no text or may not be read. */
  passedOver: number;
}

/** How lines are read. */
export interface LineOptions {
  /** A longer line is cut to so many characters and says how many are missing. */
  maxChars: number;
  signal: AbortSignal;
}

/** What a write did. */
export interface Written {
  created: boolean;
  bytes: number;
}

/**
 * File access that cannot leave one directory. Every path is resolved to its real one when it is used, so a symbolic
 * link cannot lead out, and what was opened is what was checked. The server's own secrets (`.env`, `config.yaml`, its
 * database, keys) are refused even when they lie inside, through whatever name.
 *
 * All methods take paths relative to the workspace, or absolute ones inside it. `~` is not expanded but refused.
 * @throws ToolError with a message for the model when a path leads out, is protected, or is not of the right kind.
 */
export interface Workspace {
  /** The real, absolute path of the workspace. */
  readonly root: string;
  /** The same access to an existing directory alone. */
  within(path: string): Workspace;
  /** The real path of the file that a write to `path` would create or replace now, links followed. */
  target(path: string): string;
  /**
   * The same access that writes to these files alone, given by real path: a call writes where it was judged to, whatever
   * becomes of the links meanwhile.
   */
  writingOnly(targets: readonly string[]): Workspace;
  /** The real path of an existing directory. */
  directory(path: string): Promise<string>;
  /**
   * The lines of a text file in batches, in constant memory whatever the file's size. Never blocks on a FIFO or a
   * device.
   * @throws ToolError when the file is binary, as soon as that shows.
   */
  lines(path: string, options: LineOptions): AsyncIterable<string[]>;
  /**
   * Creates or replaces a regular file, parents included; a reader sees the old content or the new, never a mix.
   * The permissions of a replaced file stay; a symbolic link that leads to a file inside stays and its target changes.
   */
  write(path: string, content: string): Promise<Written>;
  /**
   * Replaces a UTF-8 text file of at most 10 MB by what `change` makes of its content. Edits and writes of one file
   * take their turns, so that parallel calls lose no change.
   * @throws whatever `change` throws; the file is then as it was.
   */
  edit(path: string, change: (content: string) => string): Promise<Written>;
  /**
   * Searches regular files below a directory: without `.git`, `node_modules`, what .gitignore files exclude, and what
   * is protected. Works in threads beside the server's own, a few searches at a time; others wait for their turn.
   * @throws ToolError also for a pattern that takes too long, and when too many searches wait.
   */
  search(request: SearchRequest, signal: AbortSignal): Promise<SearchResult>;
}
