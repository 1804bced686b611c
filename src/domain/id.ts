/** A run's public id: `run_` and 32 lower-case hex digits (48-bit creation time in ms, then 80 random bits). */
export type RunId = `run_${string}`;

/** What an item id may stand for; the prefixes are those of OpenAI's Responses API. */
export type ItemPrefix = "msg" | "fc" | "fco" | "rs" | "cmp";

const RUN_ALIAS = /^(?:run_|resp_|chatcmpl-)([0-9a-f]{32})$/;
const RUN_PART = /^[a-z]+_([0-9a-f]{32})_(\d{1,6})$/;

/** The 32 hex digits that `run_X`, `resp_X` and `chatcmpl-X` share. */
export function runKey(id: RunId): string {
  return id.slice(4);
}

/** The run behind any of its names (`run_X`, `resp_X`, `chatcmpl-X`), or undefined for anything else. */
export function runIdFrom(id: string): RunId | undefined {
  const key = RUN_ALIAS.exec(id)?.[1];
  return key === undefined ? undefined : `run_${key}`;
}

/** The chat completion id of a run. */
export function chatCompletionId(id: RunId): string {
  return `chatcmpl-${runKey(id)}`;
}

/** The response id of a run. */
export function responseId(id: RunId): string {
  return `resp_${runKey(id)}`;
}

/** The id of a run's n-th item; ids sort in transcript order within a run only by their number. */
export function itemId(prefix: ItemPrefix, id: RunId, n: number): string {
  return `${prefix}_${runKey(id)}_${n}`;
}

/** The call id of a run's n-th item: it names its run, so that a later tool result finds the way back. */
export function callId(id: RunId, n: number): string {
  return `call_${runKey(id)}_${n}`;
}

/** The run that an item id or call id of ours names, or undefined when it is somebody else's id. */
export function runIdOfPart(part: string): RunId | undefined {
  const key = RUN_PART.exec(part)?.[1];
  return key === undefined ? undefined : `run_${key}`;
}

/** The number in an item id or call id of ours (its place in the run), or undefined for a foreign id. */
export function numberOfPart(part: string): number | undefined {
  const digits = RUN_PART.exec(part)?.[2];
  return digits === undefined ? undefined : Number(digits);
}
