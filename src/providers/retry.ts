import { setTimeout as pause } from "node:timers/promises";
import type { CallPolicy } from "./protocol.ts";
import { type ModelResult, type ModelSink, type Provider, ProviderError } from "./provider.ts";

/** How often a failed call is repeated, and what tests replace. */
export interface RetryOptions extends Pick<CallPolicy, "maxRetries"> {
  /** Returns a number in [0, 1); replaced by tests, which must know the jitter. */
  random?: () => number;
  /** Waits that many ms, or rejects with the signal's reason; replaced by tests, which must not wait. */
  sleep?: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** When an upstream asks for a longer wait than this, the call fails: the client can decide better how to wait. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Returns the same provider, but one that repeats calls that failed before their first delta. */
export function withRetry(provider: Provider, options: RetryOptions): Provider {
  const { random = Math.random, sleep = wait } = options;
  return {
    name: provider.name,
    protocol: provider.protocol,
    generate(request, sink, signal) {
      const attempt = (number: number): Promise<ModelResult> => {
        let hasBegun = false;
        const watched: ModelSink = (events) => {
          hasBegun ||= events.some((event) => event.type !== "status");
          sink(events);
        };
        return provider.generate(request, watched, signal).catch((error: unknown) => {
          if (hasBegun || number >= options.maxRetries || !mayRepeat(error)) throw error;
          const delayMs = chooseDelay(error, number, random());
          sink([{ type: "status", kind: "retry", text: describeRetry(error, delayMs) }]);
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

/** Returns what the upstream asks for, else a doubling delay. Jitter keeps many clients from returning at one moment. */
function chooseDelay(error: ProviderError, attempt: number, random: number): number {
  if (error.retryAfterMs !== undefined) return error.retryAfterMs * (1 + random * 0.05);
  return Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** attempt) * (0.5 + random * 0.5);
}

function describeRetry(error: ProviderError, delayMs: number): string {
  return `${error.message} Trying again in ${(delayMs / 1000).toFixed(1)} s.`;
}

async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(delayMs, undefined, { signal });
  } catch {
    // The timer's AbortError says less than the signal's reason.
    throw signal.reason;
  }
}
