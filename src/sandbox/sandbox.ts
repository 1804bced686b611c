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
  /** Gets output as it comes (stdout and stderr mixed), in pieces. */
  onOutput?(text: string): void;
}

/** How a command ended. */
export interface CommandResult {
  /** Stdout and stderr in order of arrival, cut in the middle when too long. */
  output: string;
  /** The exit code, or null when a signal ended it. */
  exitCode: number | null;
  /** Why it was killed, if it was. */
  killed: "timeout" | "abort" | null;
}

/**
 * A place where commands run. `run` never leaves a process of the command's group behind and passes none of the
 * server's secrets on.
 */
export interface Sandbox {
  run(command: Command): Promise<CommandResult>;
}
