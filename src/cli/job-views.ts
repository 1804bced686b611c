import type { JobView } from "../domain/job.ts";
import { facts, plainLines, table, time } from "./print.ts";

/** A job as the API prints it. */
export interface JobBody extends JobView {
  model: string | null;
  skills: string[];
  script: string | null;
  context_from: string[];
  workdir: string | null;
  attach_to_session: string | null;
  repeat: { times: number | null; completed: number };
}

/** One time that a job was done. */
export interface FireBody {
  id: string;
  status: string;
  kind: string;
  scheduled_for: string;
  started_at: string | null;
  ended_at: string | null;
  reason: string | null;
  output: string | null;
}

/** Jobs in a table. */
export function jobTable(found: readonly JobBody[]): string {
  const rows = found.map((job) => [
    job.id,
    job.state,
    job.last_status ?? "-",
    time(job.next_run_at),
    job.schedule_display,
    job.name,
  ]);
  return table(["ID", "STATE", "LAST", "NEXT", "SCHEDULE", "NAME"], rows);
}

/** What a line of a history shows of a result; all of it stands in the API's answer. */
const MAX_RESULT_CHARS = 100;

/** A job's history in a table. */
export function fireTable(fires: readonly FireBody[]): string {
  const rows = fires.map(({ kind, status, scheduled_for, started_at, ended_at, reason, output }) => [
    time(scheduled_for),
    kind,
    status,
    formatDuration(started_at, ended_at),
    (reason ?? output ?? "").slice(0, MAX_RESULT_CHARS),
  ]);
  return table(["FOR", "KIND", "STATUS", "TOOK", "RESULT"], rows);
}

/** Times are told in whole seconds. */
function formatDuration(from: string | null, to: string | null): string {
  if (from === null || to === null) return "-";
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  return seconds === 0 ? "< 1 s" : `${seconds} s`;
}

/** When a job is due next, or why it is not. */
export function formatNext({ state, next_run_at }: JobBody): string {
  return next_run_at === null ? state : `next ${time(next_run_at)}`;
}

/** All that a person wants to know of a job. */
export function jobFacts(job: JobBody): string {
  const { times, completed } = job.repeat;
  const lines = facts([
    ["id", job.id],
    ["name", job.name],
    ["schedule", `${job.schedule_display} (${job.timezone})`],
    ["state", job.paused_reason === null ? job.state : `${job.state}: ${job.paused_reason}`],
    ["next", job.next_run_at && time(job.next_run_at)],
    ["last", job.last_run_at && `${time(job.last_run_at)} ${job.last_status}`],
    ["last error", job.last_error],
    ["done", times === null ? `${completed} times` : `${completed} of ${times} times`],
    ["deliver", job.deliver],
    ["model", job.model],
    ["skills", job.skills.join(", ")],
    ["script", job.script],
    ["reads", job.context_from.join(", ")],
    ["works in", job.workdir],
    ["session", job.attach_to_session],
  ]);
  return `${lines}\n${plainLines(job.prompt)}\n`;
}
