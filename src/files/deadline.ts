import { Unreadable } from "./unreadable.ts";

/**
 * A deadline is counted in parts, one per turn of the event loop at most: a process that stood still for long must not
 * blame the disk for it.
 */
const PARTS = 5;

/**
 * Settles as the work does. The work itself cannot be cancelled: a thread that waits for a disk keeps waiting.
 * @param work Calls `restart` to have the whole time again.
 * @throws Unreadable when it takes longer than `ms`.
 */
export function withDeadline<Result>(
  work: (restart: () => void) => Promise<Result>,
  ms: number,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let parts = 0;
    const timer = setInterval(() => {
      parts++;
      if (parts === PARTS) settle(() => reject(new Unreadable("it did not answer in time")));
    }, ms / PARTS);
    const settle = (answer: () => void) => {
      clearInterval(timer);
      answer();
    };
    const restart = () => {
      parts = 0;
    };
    const working = async () => work(restart);
    working().then(
      (result) => settle(() => resolve(result)),
      (error: unknown) => settle(() => reject(error)),
    );
  });
}
