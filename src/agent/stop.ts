import type { Failure } from "../domain/error.ts";

/** Why a run was told to stop: the reason that its signal is aborted with. */
export class RunStop extends Error {
  /** Set when the run failed; undefined when somebody cancelled it. */
  readonly failure: Failure | undefined;
  /** The run does not end: the next process goes on with it. */
  readonly suspends: boolean;
  /** Whoever stops a run has logged why, where that is to be logged. */
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

  /** Somebody no longer wants the run; `reason` is for its record, for example `client_disconnected`. */
  static cancel(reason: string): RunStop {
    return new RunStop(reason, {});
  }

  /** The run must not go on: a limit, a shutdown, a loop. */
  static fail(failure: Failure): RunStop {
    return new RunStop(failure.message, { failure });
  }

  /** This process ends; the run does not. */
  static suspend(): RunStop {
    return new RunStop("suspended", { suspends: true });
  }
}
