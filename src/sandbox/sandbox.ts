/** A command to run. */
export interface Command {
  /** Shell text, given to `/bin/sh -c`. */
  command: string;
  /** Absolute directory to run in. */
  cwd: string;
  /** After this many ms the whole process group is killed. */
  timeoutMs: number;
  /** Output kept at most, in bytes: its head and its tail. */
  maxOutputBytes: number;
  signal: AbortSignal;
  /** Keeps stderr apart from the output, and as much of it. */
  errorsApart?: boolean;
  /** Gets output as it comes (stdout and stderr mixed), in pieces; no more than `maxOutputBytes` of it. */
  onOutput?(text: string): void;
}

/** How a command ended. */
export interface CommandResult {
  /** Stdout and stderr in order of arrival, cut in the middle when too long; bytes that are no UTF-8 become U+FFFD. */
  output: string;
  /** What was kept apart of stderr, where that was asked for. */
  errors?: string;
  /** The exit code, or null when a signal ended it. */
  exitCode: number | null;
  /** The name of the signal that ended it (`SIGSEGV`), or null when it exited. */
  signal: string | null;
  /** Why it was killed, if it was. */
  killed: "timeout" | "abort" | null;
}

/**
 * A place where commands run. `run` never leaves a process of the command's group behind and passes none of the
 * server's secrets on. What a command leaves in the background ends with it.
 */
export interface Sandbox {
  /** @throws Error with a message fit for the model when the command cannot be started. */
  run(command: Command): Promise<CommandResult>;
}
