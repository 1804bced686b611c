import { z } from "zod";
import { Delivery } from "./delivery.ts";
import { RunStatus } from "./run.ts";
import { Schedule } from "./schedule.ts";
import { Usage } from "./usage.ts";

/** What happens with times at which no server ran. `graceMs`: how late one may still be done; undefined: half a period. */
export const Misfire = z.object({
  policy: z.enum(["latest", "skip", "all"]),
  graceMs: z.int().exactOptional(),
});
export type Misfire = z.infer<typeof Misfire>;

/** What happens when a job is due and its last run still goes on. */
export const Overlap = z.enum(["skip", "queue", "replace", "allow"]);
export type Overlap = z.infer<typeof Overlap>;

/** How one fire's run went: a job's own fields and history speak of nothing else. */
export const FireStatus = z.enum([...RunStatus.options, "skipped"]);
export type FireStatus = z.infer<typeof FireStatus>;

/** Whether a result says first that nobody needs to hear of it. */
export function isSilent(text: string): boolean {
  return /^\s*\[SILENT\]/i.test(text);
}

/** What a job does each time. */
export const JobWork = z.object({
  prompt: z.string(),
  model: z.string().exactOptional(),
  provider: z.string().exactOptional(),
  reasoningEffort: z.string().exactOptional(),
  /** Only these of the server's toolsets; undefined: all. */
  toolsets: z.array(z.string()).exactOptional(),
  /** The session that each run goes on with; undefined: none. */
  session: z.string().exactOptional(),
  /** The directory of the workspace that the tools and the script work in; undefined: the workspace itself. */
  workdir: z.string().exactOptional(),
  /** A file below the home's `scripts/`: what it prints is read before the prompt. */
  script: z.string().exactOptional(),
  /** What the script prints is the result, and no model is asked. */
  noAgent: z.boolean().exactOptional(),
  /** Read before the prompt, in this order: the names of skills. */
  skills: z.array(z.string()).exactOptional(),
  /** Jobs of the same owner whose latest results are read before the prompt. */
  contextFrom: z.array(z.string()).exactOptional(),
  limits: z.object({
    maxSteps: z.int().exactOptional(),
    maxRunMs: z.int().exactOptional(),
    maxTokens: z.int().exactOptional(),
  }),
});
export type JobWork = z.infer<typeof JobWork>;

type Clearable<Fields> = { [Field in keyof Fields]?: Fields[Field] | null };

/** What changes of a job's work; null takes a part away. */
export type WorkChanges = Clearable<Omit<JobWork, "limits">> & {
  limits?: Clearable<JobWork["limits"]> | null;
};

/** Stored work and when it is done. Instants are epoch ms. */
export const Job = z.object({
  /** 12 hex digits. */
  id: z.string(),
  /** The principal whose job it is: it must exist each time. */
  owner: z.string(),
  name: z.string(),
  work: JobWork,
  schedule: Schedule,
  deliver: z.array(z.string()),
  failureDeliver: z.array(z.string()),
  /** How often it is done in all; undefined: for ever. */
  times: z.int().exactOptional(),
  completed: z.int(),
  misfire: Misfire,
  overlap: Overlap,
  /** Each fire comes up to so much later. */
  jitterMs: z.int(),
  retry: z.object({ attempts: z.int(), delaysMs: z.array(z.int()), policy: z.enum(["before_model", "any"]) }),
  /** After so many failures in a row it pauses itself; 0: never. */
  maxFailures: z.int(),
  failureStreak: z.int(),
  state: z.enum(["scheduled", "paused", "completed"]),
  pausedAt: z.number().exactOptional(),
  pausedReason: z.string().exactOptional(),
  /** The agent has paused it, so it may go on with it; undefined: somebody else, or it was never paused. */
  pausedByAgent: z.boolean().exactOptional(),
  /** Whether the agent changed last what it does, or a person; undefined: nobody has since it was made. */
  byAgent: z.boolean().exactOptional(),
  createdAt: z.number(),
  updatedAt: z.number(),
  /** When it is due next, jitter included. */
  nextAt: z.number().exactOptional(),
  /** The occurrence that is meant by that. */
  nextOccurrence: z.number().exactOptional(),
  last: z.object({ at: z.number(), status: FireStatus, error: z.string().exactOptional() }).exactOptional(),
  /** Who made it, for whoever looks at it later. */
  origin: z.record(z.string(), z.string().nullable()),
  /** What a file said when it was last read from one, and which revision that made. */
  imported: z.object({ digest: z.string(), revision: z.int() }).exactOptional(),
  /** Changes with each write: two writers never overwrite each other unseen. */
  revision: z.int(),
});
export type Job = z.infer<typeof Job>;

/** What a client says of a new job; what it leaves out is as usual. */
export type NewJob = Pick<Job, "name" | "work" | "schedule"> &
  Partial<
    Pick<
      Job,
      | "deliver"
      | "failureDeliver"
      | "times"
      | "misfire"
      | "overlap"
      | "jitterMs"
      | "retry"
      | "maxFailures"
      | "origin"
    >
  > & { paused?: { reason?: string } };

/** What changes of a job; undefined stays, `times: null` takes the limit away. */
export type JobChanges = Partial<Omit<NewJob, "work" | "origin" | "times" | "paused">> & {
  work?: WorkChanges;
  times?: number | null;
  enabled?: boolean;
  reason?: string;
  /** The agent changes it, not a person. */
  byAgent?: boolean;
};

/** Whether what a job does is the agent's word: it has no more rights than the agent, whoever allowed the making. */
export function isAgents({ byAgent, origin }: Pick<Job, "byAgent" | "origin">): boolean {
  return byAgent ?? origin["platform"] === "agent";
}

/** The terms of a job that says nothing else. */
export const JOB_DEFAULTS = {
  deliver: ["local"],
  failureDeliver: [],
  misfire: { policy: "latest" },
  overlap: "skip",
  jitterMs: 0,
  /** After 5, 15 and 30 minutes, as long as no model was asked: nothing can be done twice then. */
  retry: { attempts: 3, delaysMs: [300_000, 900_000, 1_800_000], policy: "before_model" },
  maxFailures: 5,
} satisfies Partial<Job>;
/** The jobs of one owner as the agent speaks of them: fields and answers are those of /v1/jobs. */
export interface JobPort {
  /** What is wrong with the fields of a job that is new or changes, as far as it shows at once; undefined: nothing. */
  problem(fields: Record<string, unknown>, isNew: boolean): string | undefined;
  list(): Promise<JobView[]>;
  /** What must be known of a job to ask a person about it; undefined: there is none of that id. */
  find(id: string): Promise<AskedJob | undefined>;
  /** The same call makes one job, however often it is repeated. @throws Error that says which field cannot be. */
  create(fields: Record<string, unknown>): Promise<JobView>;
  /** @throws Error as `create`, and when there is no such job, as all that follow. */
  update(id: string, fields: Record<string, unknown>): Promise<JobView>;
  pause(id: string, reason?: string): Promise<JobView>;
  resume(id: string): Promise<JobView>;
  /** Does a job now; gives the run's id. */
  run(id: string, prompt?: string): Promise<{ run_id: string | null }>;
  remove(id: string): Promise<void>;
}

/** What must be known of a job to ask a person about it. */
export interface AskedJob {
  name: string;
  /** The agent has paused it, and nobody else. */
  isPausedByAgent: boolean;
  /** Whether it could be done as it stands. */
  canBeDone(): Promise<boolean>;
}

/** A job as /v1/jobs prints it, as far as the agent and people need it. */
export interface JobView {
  id: string;
  name: string;
  prompt: string;
  schedule_display: string;
  timezone: string;
  state: string;
  paused_reason: string | null;
  next_run_at: string | null;
  last_run_at: string | null;
  last_status: string | null;
  last_error: string | null;
  deliver: string;
}

/** One time that a job was due or was run. */
export const Fire = z.object({
  id: z.string(),
  jobId: z.string(),
  owner: z.string(),
  /** `schedule`: an occurrence, of which there is one row for ever; `manual` and `retry` are rows of their own. */
  kind: z.enum(["schedule", "manual", "retry"]),
  /** The occurrence, or when it was asked for; epoch ms. */
  scheduledFor: z.number(),
  /** For how many occurrences a skipped row stands: itself and those before it. */
  count: z.int(),
  /** Which try it is, from 1. */
  attempt: z.int(),
  status: FireStatus,
  /** Why it was skipped, or failed. */
  reason: z.string().exactOptional(),
  /** The run that does it, made or to be made. */
  runId: z.custom<`run_${string}`>((id) => typeof id === "string" && id.startsWith("run_")).exactOptional(),
  /** How far the job's script is: stored before it begins and when it has ended, for it is not run twice. */
  script: z
    .object({
      startedAt: z.number(),
      endedAt: z.number().exactOptional(),
      output: z.string().exactOptional(),
      /** Why it counts as failed. */
      failure: z.string().exactOptional(),
    })
    .exactOptional(),
  /** What it was done without, in sentences. */
  notes: z.array(z.string()).exactOptional(),
  /** Instead of the job's prompt, this time. */
  prompt: z.string().exactOptional(),
  /** The agent asked for it: its run has the agent's rights. */
  byAgent: z.boolean().exactOptional(),
  createdAt: z.number(),
  /** Not before. */
  dueAt: z.number(),
  startedAt: z.number().exactOptional(),
  endedAt: z.number().exactOptional(),
  output: z.string().exactOptional(),
  usage: Usage.exactOptional(),
  deliveries: z.array(Delivery),
});
export type Fire = z.infer<typeof Fire>;
