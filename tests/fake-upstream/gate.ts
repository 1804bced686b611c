import { DEADLINE_MS, withDeadline } from "./deadline.ts";

/** A place in a reply where the fake waits for the test, so that no test has to sleep. */
export interface Gate {
  /** Lets the reply go on, now or when it gets here. */
  open(): void;
  /** Resolves when the reply has come to the gate; everything before it is then with the kernel. */
  reached(deadlineMs?: number): Promise<void>;
  /** The fake's side: says that it is here and waits to be let through. */
  pass(): Promise<void>;
}

/** A new gate, shut; `name` appears in its error message. */
export function createGate(name = "gate"): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    open: () => opened.resolve(),
    reached: (deadlineMs = DEADLINE_MS) =>
      withDeadline(
        reached.promise,
        deadlineMs,
        () => `fake upstream: no reply came to the ${name} within ${deadlineMs} ms`,
      ),
    pass: () => {
      reached.resolve();
      return opened.promise;
    },
  };
}

/** Whether a scripted value is a gate rather than text or bytes. */
export function isGate(value: unknown): value is Gate {
  return typeof value === "object" && value !== null && "pass" in value && "open" in value;
}
