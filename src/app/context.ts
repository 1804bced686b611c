import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../config/load.ts";
import { isTold } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { Clock } from "../lib/clock.ts";

/** What every part may use. */
export interface AppContext {
  readonly config: Config;
  readonly clock: Clock;
  /** For people who read the log. */
  readonly log: FastifyBaseLogger;
  nextId(): string;
  /** Logs a failure inside the server that no client is told about. */
  onFault(error: unknown, run?: RunId): void;
}

/** Puts the context together. */
export function createContext(base: Omit<AppContext, "onFault">): AppContext {
  return {
    ...base,
    onFault: (error, run) => {
      if (!isTold(error)) base.log.error({ err: error, run }, "internal error");
    },
  };
}

/** For settings in days. */
export const DAY_MS = 24 * 60 * 60 * 1000;
