import type { Fire, Job } from "../../domain/job.ts";
import type { FireQuery, JobChange, JobClaim, JobQuery, JobStore } from "../job-store.ts";
import { attempt, type Db } from "./db.ts";
import { JobTable } from "./jobs.ts";
import { UndeliveredTable } from "./undelivered.ts";

/** What the store on SQLite remembers of jobs. */
export class SqliteJobStore implements JobStore {
  readonly #file: string;
  readonly #jobs: JobTable;
  readonly #undelivered: UndeliveredTable;
  readonly #change;
  readonly #claim;
  readonly #delete;

  constructor(db: Db, file: string) {
    this.#file = file;
    const jobs = new JobTable(db);
    this.#jobs = jobs;
    this.#undelivered = new UndeliveredTable(db);
    this.#change = db.transaction((change: JobChange) => jobs.change(change));
    this.#claim = db.transaction((claims: readonly JobClaim[]) => claims.map((claim) => jobs.claim(claim)));
    this.#delete = db.transaction((id: string, owner: string) => jobs.delete(id, owner));
  }

  createJob(job: Job) {
    return this.#do(() => this.#jobs.create(job));
  }

  findJob(id: string, owner: string) {
    return this.#do(() => this.#jobs.find(id, owner));
  }

  listJobs(query: JobQuery) {
    return this.#do(() => this.#jobs.list(query));
  }

  changeJob(change: JobChange) {
    return this.#do(() => this.#change.immediate(change));
  }

  claimFires(claims: readonly JobClaim[]) {
    return this.#do(() => this.#claim.immediate(claims));
  }

  updateFire(fire: Fire) {
    return this.#do(() => this.#jobs.update(fire));
  }

  deleteJob(id: string, owner: string) {
    return this.#do(() => this.#delete.immediate(id, owner));
  }

  dueJobs(now: number, limit: number) {
    return this.#do(() => this.#jobs.due(now, limit));
  }

  nextDueAt() {
    return this.#do(() => this.#jobs.nextDueAt());
  }

  listFires(query: FireQuery) {
    return this.#do(() => this.#jobs.fires(query));
  }

  latestFires(jobIds: readonly string[]) {
    return this.#do(() => this.#jobs.latest(jobIds));
  }

  openFires() {
    return this.#do(() => this.#jobs.open());
  }

  deliveryPlaces(query: { after: string; limit: number }) {
    return this.#do(() => this.#undelivered.places(query));
  }

  undelivered(query: { place: string; now: number; limit: number }) {
    return this.#do(() => this.#undelivered.at(query));
  }

  sweepFires(before: number, limit: number) {
    return this.#do(() => this.#jobs.sweep(before, limit));
  }

  #do<Result>(work: () => Result): Promise<Result> {
    return attempt(this.#file, work);
  }
}
