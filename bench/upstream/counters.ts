/** What the upstream saw since it started; served on its control path. */
export interface Counters {
  connections: number;
  streams: number;
  requests: number;
  aborted: number;
  toolCalls: number;
  toolResults: number;
  /** Monotonic clock (shared by all processes of a machine), ns, when the last open stream went; 0 while one is open. */
  streamsGoneAtNs: number;
}

export const counters: Counters = {
  connections: 0,
  streams: 0,
  requests: 0,
  aborted: 0,
  toolCalls: 0,
  toolResults: 0,
  streamsGoneAtNs: 0,
};

export function streamOpened(): void {
  counters.streams += 1;
  counters.streamsGoneAtNs = 0;
}

export function streamClosed(): void {
  counters.streams -= 1;
  if (counters.streams === 0) counters.streamsGoneAtNs = Number(process.hrtime.bigint());
}
