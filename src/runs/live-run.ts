import type { RunStop } from "../agent/stop.ts";
import type { Run } from "../domain/run.ts";
import type { Reader } from "../eventlog/follow.ts";

/** A run as anybody who may see it can follow it, while it goes on and after. */
export interface WatchedRun {
  readonly run: Run;
  /** Set when a former request with the same idempotency key began it: whether it went on or was over by then. */
  readonly replay?: "live" | "over";
  /** Gives a reader every event from the first on; resolves after the last, or when the reader is gone. */
  follow(reader: Reader): Promise<void>;
}

/** A run that was admitted and begins as soon as somebody says so. */
export interface LiveRun extends WatchedRun {
  /** Does the run; resolves when its terminal event is published. Never rejects. Call it once, whatever happens. */
  begin(): Promise<void>;
  /** Ends the run early; without effect when it has ended. */
  stop(stop: RunStop): void;
}
