import type { Delivery } from "../domain/delivery.ts";
import type { Fire, Job } from "../domain/job.ts";

/** What is brought to a place: the result of one fire. */
export interface Parcel {
  job: Job;
  fire: Fire;
  target: string;
  /** What is said of it: the output, else why there is none. */
  text: string;
}

/** Brings results to one kind of place. */
export interface Carrier {
  /** Whether a target is of its kind. @throws ApiError 400 for one that cannot be. */
  takes(target: string, param: string): boolean;
  /**
   * Brings a result there; what it gives is kept with the delivery. The same parcel may come again, when nobody could
   * note that it was brought.
   * @throws DeliveryError when it cannot; the signal's reason when aborted.
   */
  bring(parcel: Parcel, signal: AbortSignal): Promise<Partial<Delivery>>;
}

/** How a delivery that failed goes on. */
export interface Prospects {
  /** Nothing will make it work. */
  isFinal?: boolean;
  /** The receiver wants to be left alone for so long. */
  retryAfterMs?: number;
}

/** A result that did not arrive; the message is kept in the history: neither secrets nor addresses. */
export class DeliveryError extends Error {
  readonly prospects: Prospects;

  constructor(message: string, prospects: Prospects = {}) {
    super(message);
    this.prospects = prospects;
  }
}

/** What a fire tells those who wait for it. */
export function textOf({ output, reason }: Pick<Fire, "output" | "reason">): string {
  return output ?? reason ?? "";
}
