import { setTimeout as pause } from "node:timers/promises";
import type { CallPolicy } from "./protocol.ts";
import { type ModelResult, type ModelSink, type Provider, ProviderError } from "./provider.ts";

/** How often a failed call is repeated, and what tests replace. */
export interface RetryOptions extends Pick<CallPolicy, "maxRetries"> {
  /** A number in [0, 1) per call; injected so that tests know the jitter. */
  random?: () => number;
  /** Waits that many ms, or rejects with the signal's reason; injected so that tests need not wait. */
  sleep?: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** An upstream that asks for more patience than this is given up: the client can wait better than we can. */
const MAX_RETRY_AFTER_MS = 60_000;

/** The same provider, repeating calls that failed before their first delta. */
export function withRetry(provider: Provider, options: RetryOptions): Provider {
  const { random = Math.random, sleep = wait } = options;
  return {
    name: provider.name,
    protocol: provider.protocol,
    generate(request, sink, signal) {
      const attempt = (number: number): Promise<ModelResult> => {
        let begun = false;
        const watched: ModelSink = (events) => {
          begun ||= events.some((event) => event.type !== "status");
          sink(events);
        };
        return provider.generate(request, watched, signal).catch((error: unknown) => {
          if (begun || number >= options.maxRetries || !mayRepeat(error)) throw error;
          const delayMs = delay(error, number, random());
          sink([{ type: "status", kind: "retry", text: statusText(error, delayMs) }]);
          return sleep(delayMs, signal).then(() => attempt(number + 1));
        });
      };
      return attempt(0);
    },
    close: () => provider.close(),
  };
}

function mayRepeat(error: unknown): error is ProviderError {
  return error instanceof ProviderError && error.retryable && (error.retryAfterMs ?? 0) <= MAX_RETRY_AFTER_MS;
}

/** The upstream's own wish, else doubling with jitter, so that many clients do not come back at the same moment. */
function delay(error: ProviderError, attempt: number, random: number): number {
  if (error.retryAfterMs !== undefined) return error.retryAfterMs * (1 + random * 0.05);
  return Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** attempt) * (0.5 + random * 0.5);
}

function statusText(error: ProviderError, delayMs: number): string {
  return `${error.message} Trying again in ${(delayMs / 1000).toFixed(1)} s.`;
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(delayMs, undefined, { signal });
  } catch {
    // The timer's own AbortError says less than the reason that was given.
    throw signal.reason;
  }
}
