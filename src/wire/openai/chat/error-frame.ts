import type { Failure } from "../../../domain/error.ts";
import { errorType } from "../../../domain/error-codes.ts";
import { sseFrame } from "../../../lib/sse.ts";

/**
 * A failure inside a stream: every SDK throws it with its message. The run's id tells which run not to repeat when a
 * tool has already changed something.
 */
export function errorFrame({ message, param, code, shouldRetry }: Failure, runId: string): string {
  const hermes = { run_id: runId, ...(shouldRetry !== undefined && { should_retry: shouldRetry }) };
  return sseFrame(
    JSON.stringify({ error: { message, type: errorType(code), param: param ?? null, code }, hermes }),
  );
}
