import type { Fire, Job } from "../../../domain/job.ts";
import type { Occurrence, Schedule } from "../../../domain/schedule.ts";
import { printedUsage } from "../runs/result.ts";

/** ISO 8601 with the offset of a zone at an instant. */
export type PrintTime = (at: number, timezone: string) => string;

/** A job as both surfaces print it, under the reference's names. */
export function jobObject(job: Job, { latest, print }: { latest: Fire | undefined; print: PrintTime }) {
  const { schedule } = job;
  const { timezone } = schedule;
  return {
    id: job.id,
    object: "hermes.job" as const,
    name: job.name,
    ...workFields(job.work),
    schedule: scheduleObject(schedule, print),
    schedule_display: schedule.display,
    timezone,
    ...stateFields(job, { latest, print }),
    deliver: job.deliver.join(","),
    failure_deliver: job.failureDeliver.join(","),
    ...policyFields(job),
    origin: job.origin,
    latest_execution: latest === undefined ? null : fireObject(latest, { timezone, print }),
  };
}

function workFields(work: Job["work"]) {
  const { maxSteps = null, maxRunMs, maxTokens = null } = work.limits;
  return {
    prompt: work.prompt,
    skills: work.skills ?? [],
    skill: work.skills?.[0] ?? null,
    model: work.model ?? null,
    provider: work.provider ?? null,
    base_url: null,
    reasoning_effort: work.reasoningEffort ?? null,
    enabled_toolsets: work.toolsets ?? null,
    workdir: work.workdir ?? null,
    script: work.script ?? null,
    no_agent: work.noAgent ?? false,
    context_from: work.contextFrom ?? [],
    attach_to_session: work.session ?? null,
    limits: { max_steps: maxSteps, max_seconds: seconds(maxRunMs), max_tokens: maxTokens },
  };
}

function stateFields(job: Job, { latest, print }: { latest: Fire | undefined; print: PrintTime }) {
  const { state, last, schedule } = job;
  const time = (at: number | undefined) => (at === undefined ? null : print(at, schedule.timezone));
  const isRunning = state === "scheduled" && (latest?.status === "running" || latest?.status === "queued");
  return {
    enabled: state !== "paused",
    state: isRunning ? ("running" as const) : state,
    repeat: { times: job.times ?? null, completed: job.completed },
    paused_at: time(job.pausedAt),
    paused_reason: job.pausedReason ?? null,
    created_at: print(job.createdAt, schedule.timezone),
    updated_at: print(job.updatedAt, schedule.timezone),
    next_run_at: time(job.nextAt),
    last_run_at: time(last?.at),
    last_status: last === undefined ? null : last.status === "completed" ? "ok" : "error",
    last_error: last?.error ?? null,
    last_delivery_error: latest?.deliveries.find(({ status }) => status === "failed")?.error ?? null,
    failure_streak: job.failureStreak,
  };
}

function policyFields({ misfire, overlap, jitterMs, retry, maxFailures }: Job) {
  const { attempts, delaysMs, policy } = retry;
  return {
    misfire: { policy: misfire.policy, grace: seconds(misfire.graceMs) },
    overlap,
    jitter: jitterMs / 1000,
    retry: { attempts, delays: delaysMs.map((ms) => ms / 1000), policy },
    max_failures: maxFailures,
  };
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000;
}

function scheduleObject(schedule: Schedule, print: PrintTime) {
  const { display, timezone } = schedule;
  switch (schedule.kind) {
    case "cron":
      return { kind: "cron" as const, expr: schedule.expr, timezone, display };
    case "interval":
      return { kind: "interval" as const, minutes: schedule.everyMs / 60_000, display };
    case "once":
      return { kind: "once" as const, run_at: print(schedule.runAt, timezone), display };
  }
}

/** One time that a job was due or was run; lateness in seconds. */
export function fireObject(fire: Fire, { timezone, print }: { timezone: string; print: PrintTime }) {
  const time = (at: number) => print(at, timezone);
  return {
    ...fireFacts(fire, time),
    object: "hermes.job.run" as const,
    job_id: fire.jobId,
    script: scriptObject(fire, time),
    notes: fire.notes ?? [],
    deliveries: fire.deliveries.map(({ nextAt, ...delivery }) => ({
      ...delivery,
      next_try_at: nextAt === undefined ? null : time(nextAt),
    })),
  };
}

/** What a fire came to, for whoever reads or is told of it; `time` prints instants. */
export function fireFacts(fire: Fire, time: (at: number) => string) {
  const { startedAt, endedAt, scheduledFor, usage } = fire;
  return {
    id: fire.id,
    run_id: fire.runId ?? null,
    kind: fire.kind,
    attempt: fire.attempt,
    count: fire.count,
    status: fire.status,
    scheduled_for: time(scheduledFor),
    started_at: startedAt === undefined ? null : time(startedAt),
    ended_at: endedAt === undefined ? null : time(endedAt),
    lateness: startedAt === undefined ? null : Math.max(0, startedAt - scheduledFor) / 1000,
    reason: fire.reason ?? null,
    output: fire.output ?? null,
    usage: usage === undefined ? null : printedUsage(usage),
  };
}

function scriptObject({ script }: Fire, time: (at: number) => string) {
  if (script === undefined) return null;
  const { startedAt, endedAt, output = null, failure = null } = script;
  const ended = endedAt === undefined ? null : time(endedAt);
  return { started_at: time(startedAt), ended_at: ended, output, failure };
}

/** One time that a job will be due. */
export function occurrenceObject(
  { at, clock }: Occurrence,
  { timezone, print }: { timezone: string; print: PrintTime },
) {
  return { at: new Date(at).toISOString(), local: print(at, timezone), clock };
}
