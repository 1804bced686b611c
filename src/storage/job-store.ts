import type { Fire, FireStatus, Job } from "../domain/job.ts";

/** Which of an owner's jobs to list, oldest first. */
export interface JobQuery {
  owner: string;
  limit: number;
  /** The last job that the reader has. */
  after?: string | undefined;
  /** Only those. */
  state?: Job["state"] | undefined;
  order: "asc" | "desc";
}

/** Which fires of a job to list, by when they were made. */
export interface FireQuery {
  jobId: string;
  owner: string;
  order: "asc" | "desc";
  limit: number;
  /** The last fire that the reader has. */
  after?: string | undefined;
  status?: FireStatus | undefined;
}

/** What changes of a job together with its fires. */
export interface JobChange {
  /** As it shall be; its revision is that of the job as it was read. */
  job: Job;
  /** New rows, of no occurrence. */
  fires?: readonly Fire[];
  /** Rows that change, as they shall be. */
  updates?: readonly Fire[];
}

/** A job that goes on to its next time, and the fires of those that have come. */
export interface JobClaim {
  /** As it shall be; its revision is that of the job as it was read. */
  job: Job;
  fires: readonly Fire[];
}

/** Jobs and each time that they were due. */
export interface JobStore {
  createJob(job: Job): Promise<void>;
  findJob(id: string, owner: string): Promise<Job | undefined>;
  /** An owner's jobs; a name is no key. */
  listJobs(query: JobQuery): Promise<Job[]>;
  /**
   * Writes a job and its fires, all or nothing. Undefined: the job was changed or deleted since it was read; nothing was
   * written then. Else the job with its new revision.
   */
  changeJob(change: JobChange): Promise<Job | undefined>;
  /**
   * Writes jobs and their new fires in one commit, and gives for each job the fires that are new: an occurrence that has
   * its fire already keeps that one. Undefined: the job was changed or deleted since it was read, and stays as it is.
   */
  claimFires(claims: readonly JobClaim[]): Promise<(readonly Fire[] | undefined)[]>;
  /** Writes a fire alone, whose job may be gone. */
  updateFire(fire: Fire): Promise<void>;
  /** Deletes a job with its history. False: there is none. */
  deleteJob(id: string, owner: string): Promise<boolean>;
  /** Jobs that are due, the one that waits longest first. */
  dueJobs(now: number, limit: number): Promise<Job[]>;
  /** When the next job is due, epoch ms. */
  nextDueAt(): Promise<number | undefined>;
  listFires(query: FireQuery): Promise<Fire[]>;
  /** The fire of each job that was made last, in the order of the jobs; undefined for one that has none. */
  latestFires(jobIds: readonly string[]): Promise<(Fire | undefined)[]>;
  /** Fires that are queued or go on, oldest first. */
  openFires(): Promise<Fire[]>;
  /**
   * Where something is to be delivered, by name from after one on, and when the first of it is due there, epoch ms; each
   * place once.
   */
  deliveryPlaces(query: { after: string; limit: number }): Promise<{ place: string; at: number }[]>;
  /** Fires whose next delivery is to a place and due by `now`, the one that waits longest first. */
  undelivered(query: { place: string; now: number; limit: number }): Promise<Fire[]>;
  /** Removes settled fires of which nothing is to be delivered and that were made before a time; how many, at most `limit`. */
  sweepFires(before: number, limit: number): Promise<number>;
}
