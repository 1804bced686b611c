import type { RunStop } from "../agent/stop.ts";
import type { Run } from "../domain/run.ts";
import type { Reader } from "../eventlog/follow.ts";

/** A run that can be followed, while it is going on and afterwards. */
export interface WatchedRun {
  readonly run: Run;
  /** Set when a former request with the same idempotency key started the run: whether it was still going on. */
  readonly replay?: "live" | "over";
  /** Sends every event to a reader; resolves after the last event or when the reader has disconnected. */
  follow(reader: Reader): Promise<void>;
}

/** An admitted run that starts when `begin` is called. */
export interface LiveRun extends WatchedRun {
  /** Does the run; resolves when its terminal event is published. Never rejects. Must be called exactly once. */
  begin(): Promise<void>;
  /** Ends the run early; does nothing when it has ended. */
  stop(stop: RunStop): void;
}
