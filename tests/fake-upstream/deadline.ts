/** How long an awaited condition may take, in ms: well under vitest's own limit, whose message would say nothing. */
export const DEADLINE_MS = 5_000;

const LATE = Symbol("late");

/**
 * The promise's value, if it comes within `ms`.
 * @throws Error with `message()` when it does not.
 */
export async function withDeadline<Value>(
  promise: Promise<Value>,
  ms: number,
  message: () => string,
): Promise<Value> {
  const late = Promise.withResolvers<typeof LATE>();
  const timer = setTimeout(() => late.resolve(LATE), ms);
  try {
    const value = await Promise.race([promise, late.promise]);
    // Thrown here and not in the timer's callback: only so does the stack name the test's own line.
    if (value === LATE) throw new Error(message());
    return value;
  } finally {
    clearTimeout(timer);
  }
}
