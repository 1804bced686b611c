import type { JobDraft } from "../../../domain/job-draft.ts";
import { decodeWork, secondsToMs } from "./decode-work.ts";
import type { JobPatch } from "./schema.ts";

/** What a request says of a job, new or not. */
export function decodeJob(request: JobPatch): JobDraft {
  const { misfire, retry } = request;
  return {
    work: decodeWork(request),
    name: request.name,
    schedule: request.schedule,
    timezone: request.timezone,
    repeat: decodeRepeat(request.repeat),
    deliver: decodeTargets(request.deliver),
    failureDeliver: decodeTargets(request.failure_deliver),
    overlap: request.overlap,
    maxFailures: request.max_failures,
    jitterMs: secondsToMs(request.jitter),
    misfire: misfire && { policy: misfire.policy, graceMs: secondsToMs(misfire.grace) },
    retry: retry && {
      attempts: retry.attempts,
      delaysMs: retry.delays?.map((seconds) => Math.round(seconds * 1000)),
      policy: retry.policy,
    },
    enabled: request.enabled,
    paused: request.paused,
    pausedReason: request.paused_reason,
  };
}

/** Each place once; a text is a list with commas. */
function decodeTargets(field: JobPatch["deliver"]): string[] | null | undefined {
  if (field === null || field === undefined) return field;
  return [...new Set(typeof field === "string" ? splitNames(field) : field)];
}

/** A list as a text with commas; of nothing there is none. */
function splitNames(text: string): string[] {
  return text.trim() === "" ? [] : text.split(",").map((name) => name.trim());
}

function decodeRepeat(repeat: JobPatch["repeat"]): JobDraft["repeat"] {
  if (typeof repeat === "object") return repeat?.times ?? null;
  return repeat === "once" ? 1 : repeat;
}
