import { ConfigError } from "../config/error.ts";
import { UpstreamError } from "../providers/upstream.ts";
import { StorageError } from "../storage/store.ts";

/** Exit codes, as sysexits.h has them. */
export const EXIT = { ok: 0, failure: 1, usage: 64, unavailable: 69, config: 78 } as const;

/** A reason not to start, told in one line; the process ends with the code. */
export class StartError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What is known to keep a server from starting, as a reason with its exit code; anything else as it is. */
export function toStartError(error: unknown): unknown {
  if (error instanceof ConfigError || error instanceof UpstreamError)
    return new StartError(error.message, EXIT.config);
  return error instanceof StorageError ? new StartError(error.message, EXIT.unavailable) : error;
}
