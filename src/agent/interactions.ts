import type { CallDescription, Settlement } from "../domain/interactions.ts";

/** Somebody who can be asked while a run goes on. Each call asks once, whichever process asks. */
export interface RunInteractions {
  /**
   * Whether a call may run; resolves when somebody answered, or the time to answer is over.
   * @throws RunStop when the run stops, or the next process goes on with it.
   */
  approve(callId: string, question: CallDescription): Promise<Settlement>;
  /** The user's answer to a call's question; undefined when nobody gave one in time. @throws RunStop as `approve`. */
  answer(callId: string, question: string, choices?: readonly string[]): Promise<string | undefined>;
}
