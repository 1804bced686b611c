import type { Failure } from "../domain/error.ts";

/** Why a run was stopped; the reason with which its signal is aborted. */
export class RunStop extends Error {
  /** Set when the run failed; undefined when it was cancelled. */
  readonly failure: Failure | undefined;
  /** The run does not end here: the next process continues it. */
  readonly suspends: boolean;
  /** The caller that stops a run logs the reason where that is needed. */
  readonly isTold = true;

  private constructor(
    message: string,
    { failure, suspends = false }: { failure?: Failure; suspends?: boolean },
  ) {
    super(message);
    this.name = "RunStop";
    this.failure = failure;
    this.suspends = suspends;
  }

  /** Cancels the run; `reason` is recorded, for example `client_disconnected`. */
  static cancel(reason: string): RunStop {
    return new RunStop(reason, {});
  }

  /** Fails the run, for example at a limit or a shutdown. */
  static fail(failure: Failure): RunStop {
    return new RunStop(failure.message, { failure });
  }

  /** Leaves the run to the next process. */
  static suspend(): RunStop {
    return new RunStop("suspended", { suspends: true });
  }
}
