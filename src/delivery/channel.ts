import type { Delivery } from "../domain/delivery.ts";
import type { Fire, Job } from "../domain/job.ts";

/** The result of one fire, on its way to a destination. */
export interface DeliveryMessage {
  job: Job;
  fire: Fire;
  target: string;
  /** The text to deliver: the output, or the reason why there is none. */
  text: string;
}

/** Delivers results to one kind of destination. */
export interface DeliveryChannel {
  /** Returns whether a target is of this kind. @throws ApiError 400 for an invalid target of this kind. */
  takes(target: string, param: string): boolean;
  /**
   * Delivers a result; the returned fields are stored with the delivery. The same message may come again if the
   * process died before the delivery was recorded.
   * @throws DeliveryError when it fails; the signal's reason when aborted.
   */
  deliver(message: DeliveryMessage, signal: AbortSignal): Promise<Partial<Delivery>>;
}

/** Whether and when a failed delivery should be tried again. */
interface RetryAdvice {
  /** Trying again cannot help. */
  isFinal?: boolean;
  /** The receiver asks for this delay. */
  retryAfterMs?: number;
}

/** A failed delivery. The message is stored in the history, so it must contain neither secrets nor addresses. */
export class DeliveryError extends Error {
  readonly retryAdvice: RetryAdvice;

  constructor(message: string, retryAdvice: RetryAdvice = {}) {
    super(message);
    this.retryAdvice = retryAdvice;
  }
}

/** Returns the text that a fire delivers. */
export function deliveryText({ output, reason }: Pick<Fire, "output" | "reason">): string {
  return output ?? reason ?? "";
}
