import { z } from "zod";
import type { AskedJob, JobPort, JobView } from "../src/domain/job.ts";
import { defineTool, ToolError, type Toolset } from "../src/tools/define.ts";

const MAX_PROMPT_SHOWN = 200;

const names = z.array(z.string()).optional();
const text = z.string().optional();

const Parameters = z.strictObject({
  action: z.enum(["create", "list", "update", "pause", "resume", "run", "remove"]),
  job_id: text.describe("The job's id, as list shows it; for all actions but create and list."),
  schedule: text.describe(
    'When: "every 2h", "30m" (once, in 30 minutes), "weekdays at 9am", "0 9 * * 1", "2027-05-01T09:00".',
  ),
  prompt: text.describe("What to do, in full. For run: instead of the job's own, this time."),
  name: text,
  timezone: text.describe("IANA name; the server's if left out."),
  deliver: text.describe(
    "Where results go besides the history: local (a file), origin (this session), session:<id>, webhook:<url>.",
  ),
  failure_deliver: text.describe("The same for failures."),
  repeat: z.union([z.int(), z.string()]).optional().describe("How often in all: a number, once or forever."),
  skills: names,
  model: text,
  provider: text,
  enabled_toolsets: names.describe("Only these groups of tools."),
  script: text.describe("A file below the home's scripts/ whose output comes before the prompt."),
  no_agent: z.boolean().optional().describe("Deliver the script's output, without a model."),
  context_from: names.describe("Ids of jobs whose last results come before the prompt."),
  workdir: text.describe("Directory in the workspace."),
  reason: text.describe("For pause: why."),
});
type Parameters = z.infer<typeof Parameters>;

/** The group of scheduled work. */
export const toolset: Toolset = {
  name: "cronjob",
  label: "Jobs",
  description: "Schedule work, and look after it",
};

/** Schedules work that the server does by itself, and looks after it. */
export const tool = defineTool({
  name: "cronjob",
  toolset: toolset.name,
  emoji: "⏰",
  description:
    "Schedules work that the server does later or again and again by itself, and looks after it. Actions: create " +
    "(schedule, prompt), list, and with job_id update (only the fields that change), pause, resume, run (now), remove. " +
    "Nobody is there when a job runs and it knows nothing of this conversation: the prompt must say everything. A " +
    "person is asked before a job is made, changed, paused or removed, or run with another prompt.",
  // A job that is run by hand twice is done twice.
  effect: "write",
  effectOf: ({ action }) => (action === "list" ? "read" : action === "run" ? "write" : "idempotent"),
  notInJobs: true,
  parameters: Parameters,
  preview: ({ action, job_id, ...fields }) => {
    const what = action === "create" ? (fields.name ?? "") : (job_id ?? "");
    const when = fields.schedule === undefined ? "" : ` (${fields.schedule})`;
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${formatValue(value)}`);
    return [`${action} ${what}${when}`.trim(), ...lines].join("\n");
  },
  problem: ({ action, job_id, reason: _why, ...fields }, { jobs }) => {
    if (action === "create") return jobs?.problem(fields, true);
    if (action !== "list" && !job_id) return `${action} needs job_id; list shows the ids.`;
    return action === "update" ? jobs?.problem(fields, false) : undefined;
  },
  asks: async ({ action, job_id: id = "", prompt }, { jobs }) => {
    if (action === "create") return "it schedules work that will run when nobody is there";
    if (action === "list") return undefined;
    const job = await jobs?.find(id);
    // Nobody is asked about what cannot be.
    return job && reasonToAsk(action, { job, hasPrompt: prompt !== undefined });
  },
  run: async (args, { ports: { jobs } }) => {
    if (jobs === undefined) throw new ToolError("There are no jobs here.");
    return JSON.stringify(await act(args, jobs));
  },
});

/** What the agent makes of a person's work is asked about, and what it makes run with other words. */
async function reasonToAsk(
  action: Exclude<Parameters["action"], "create" | "list">,
  { job: { name, isPausedByAgent, canBeDone }, hasPrompt }: { job: AskedJob; hasPrompt: boolean },
): Promise<string | undefined> {
  const job = `the job ${JSON.stringify(name)}`;
  switch (action) {
    case "update":
      return `it changes ${job}, which runs when nobody is there`;
    case "pause":
      return `it keeps ${job} from being done`;
    case "remove":
      return `it deletes ${job} with its history`;
    case "resume":
      if (isPausedByAgent || !(await canBeDone())) return undefined;
      return `it goes on with ${job}, which the agent has not paused`;
    case "run":
      return hasPrompt ? `it runs ${job} with another prompt` : undefined;
  }
}

async function act(args: Parameters, jobs: JobPort): Promise<unknown> {
  const { action, job_id: id = "", reason, ...fields } = args;
  if (action === "list") return { jobs: (await jobs.list()).map(brief) };
  if (action === "create") return { created: brief(await jobs.create(fields)) };
  switch (action) {
    case "update":
      return { updated: brief(await jobs.update(id, fields)) };
    case "pause":
      return { paused: brief(await jobs.pause(id, reason)) };
    case "resume":
      return { resumed: brief(await jobs.resume(id)) };
    case "run":
      return { started: await jobs.run(id, fields.prompt) };
    case "remove":
      await jobs.remove(id);
      return { removed: id };
  }
}

function brief(job: JobView) {
  const { id, name, prompt, schedule_display, timezone, state, paused_reason, deliver } = job;
  const { next_run_at, last_run_at, last_status, last_error } = job;
  const isLong = prompt.length > MAX_PROMPT_SHOWN;
  return {
    id,
    name,
    schedule: schedule_display,
    timezone,
    state,
    ...(paused_reason !== null && { paused_reason }),
    next_run_at,
    last_run_at,
    last_status,
    ...(last_error !== null && { last_error }),
    // The path of a webhook is often its secret, which is not for models.
    deliver: deliver.replace(/(webhook:https?:\/\/[^/?#,]+)[/?#][^,]*/gi, "$1/…"),
    prompt: isLong ? `${prompt.slice(0, MAX_PROMPT_SHOWN)}…` : prompt,
  };
}

/** A text of several lines must not look like fields that it is not. */
function formatValue(value: unknown): string {
  const isLine = typeof value === "string" && !/[\p{Cc}\u2028\u2029]/u.test(value);
  return isLine ? value : JSON.stringify(value);
}
