import type { CallDescription, Settlement } from "../domain/interactions.ts";

/** Asks people while a run is going on. Each call asks once, whichever process asks. */
export interface RunInteractions {
  /**
   * Asks whether a call may run; resolves when a person has answered or the time is over.
   * @throws RunStop when the run stops or is left to the next process.
   */
  approve(callId: string, question: CallDescription): Promise<Settlement>;
  /** Asks the user a call's question; undefined when nobody answered in time. @throws RunStop as `approve`. */
  answer(callId: string, question: string, choices?: readonly string[]): Promise<string | undefined>;
}
