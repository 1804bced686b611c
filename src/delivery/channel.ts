import type { Delivery } from "../domain/delivery.ts";
import type { Fire, Job } from "../domain/job.ts";

/** What is brought to a place: the result of one fire. */
export interface DeliveryMessage {
  job: Job;
  fire: Fire;
  target: string;
  /** What is said of it: the output, else why there is none. */
  text: string;
}

/** Brings results to one kind of place. */
export interface DeliveryChannel {
  /** Whether a target is of its kind. @throws ApiError 400 for one that cannot be. */
  takes(target: string, param: string): boolean;
  /**
   * Brings a result there; what it gives is kept with the delivery. The same message may come again, when nobody could
   * note that it was brought.
   * @throws DeliveryError when it cannot; the signal's reason when aborted.
   */
  deliver(message: DeliveryMessage, signal: AbortSignal): Promise<Partial<Delivery>>;
}

/** How a delivery that failed goes on. */
interface RetryAdvice {
  /** Nothing will make it work. */
  isFinal?: boolean;
  /** The receiver wants to be left alone for so long. */
  retryAfterMs?: number;
}

/** A result that did not arrive; the message is kept in the history: neither secrets nor addresses. */
export class DeliveryError extends Error {
  readonly retryAdvice: RetryAdvice;

  constructor(message: string, retryAdvice: RetryAdvice = {}) {
    super(message);
    this.retryAdvice = retryAdvice;
  }
}

/** What a fire tells those who wait for it. */
export function deliveryText({ output, reason }: Pick<Fire, "output" | "reason">): string {
  return output ?? reason ?? "";
}
