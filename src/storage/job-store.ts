import type { Fire, FireStatus, Job } from "../domain/job.ts";

/** Which of an owner's jobs to list, oldest first. */
export interface JobQuery {
  owner: string;
  limit: number;
  /** The cursor: the last job that the reader has. */
  after?: string | undefined;
  /** Only jobs in one of these states. */
  state?: Job["state"] | undefined;
  order: "asc" | "desc";
}

/** Which fires of a job to list, by creation time. */
export interface FireQuery {
  jobId: string;
  owner: string;
  order: "asc" | "desc";
  limit: number;
  /** The cursor: the last fire that the reader has. */
  after?: string | undefined;
  status?: FireStatus | undefined;
}

/** A change of a job and of its fires, written together. */
export interface JobChange {
  /** The new job, with the revision of the job that was read. */
  job: Job;
  /** New fires that belong to no occurrence, such as a manual run. */
  fires?: readonly Fire[];
  /** Existing fires, with their new values. */
  updates?: readonly Fire[];
}

/** A job that advances to its next occurrence, and the fires of the occurrences that are due. */
export interface JobClaim {
  /** The new job, with the revision of the job that was read. */
  job: Job;
  fires: readonly Fire[];
}

/** Jobs and their fires. */
export interface JobStore {
  createJob(job: Job): Promise<void>;
  findJob(id: string, owner: string): Promise<Job | undefined>;
  /** Lists an owner's jobs. Names are not unique. */
  listJobs(query: JobQuery): Promise<Job[]>;
  /**
   * Writes a job and its fires atomically. Returns the job with its new revision, or undefined if the job was changed
   * or deleted since it was read; then nothing was written.
   */
  changeJob(change: JobChange): Promise<Job | undefined>;
  /**
   * Writes jobs and their new fires in one commit. Returns the new fires of each job (an occurrence that already has
   * a fire keeps it), or undefined for a job that was changed or deleted since it was read; such a job is not
   * written.
   */
  claimFires(claims: readonly JobClaim[]): Promise<(readonly Fire[] | undefined)[]>;
  /** Writes one fire; its job may have been deleted. */
  updateFire(fire: Fire): Promise<void>;
  /** Deletes a job and its history; false if there is none. */
  deleteJob(id: string, owner: string): Promise<boolean>;
  /** Lists the jobs that are due, the longest overdue first. */
  dueJobs(now: number, limit: number): Promise<Job[]>;
  /** Returns when the next job is due, epoch ms. */
  nextDueAt(): Promise<number | undefined>;
  listFires(query: FireQuery): Promise<Fire[]>;
  /** Returns the newest fire of each job, in the order of the jobs; undefined for a job without fires. */
  latestFires(jobIds: readonly string[]): Promise<(Fire | undefined)[]>;
  /** Lists the fires that are queued or running, oldest first. */
  openFires(): Promise<Fire[]>;
  /**
   * Lists the destinations with pending deliveries, ordered by name and starting after a cursor, each with the time
   * of its next attempt (epoch ms).
   */
  deliveryPlaces(query: { after: string; limit: number }): Promise<{ place: string; at: number }[]>;
  /** Lists the fires whose next delivery goes to a destination and is due at `now`, the longest overdue first. */
  undelivered(query: { place: string; now: number; limit: number }): Promise<Fire[]>;
  /**
   * Removes at most `limit` settled fires without pending deliveries that were created before a time; returns how
   * many.
   */
  sweepFires(before: number, limit: number): Promise<number>;
}
