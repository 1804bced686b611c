import type { Fire, Job } from "../../domain/job.ts";
import type { FireQuery, JobChange, JobClaim, JobQuery, JobStore } from "../job-store.ts";
import type { Connection } from "./connection.ts";
import { JobTable } from "./jobs.ts";
import { UndeliveredTable } from "./undelivered.ts";

/** What the store on SQLite remembers of jobs. */
export class SqliteJobStore implements JobStore {
  readonly #connection: Connection;
  readonly #jobs: JobTable;
  readonly #undelivered: UndeliveredTable;
  readonly #change;
  readonly #claim;
  readonly #delete;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { db } = connection;
    const jobs = new JobTable(db);
    this.#jobs = jobs;
    this.#undelivered = new UndeliveredTable(db);
    this.#change = db.transaction((change: JobChange) => jobs.change(change));
    this.#claim = db.transaction((claims: readonly JobClaim[]) => claims.map((claim) => jobs.claim(claim)));
    this.#delete = db.transaction((id: string, owner: string) => jobs.delete(id, owner));
  }

  createJob(job: Job) {
    return this.#connection.write(() => this.#jobs.create(job));
  }

  findJob(id: string, owner: string) {
    return this.#connection.read(() => this.#jobs.find(id, owner));
  }

  listJobs(query: JobQuery) {
    return this.#connection.read(() => this.#jobs.list(query));
  }

  changeJob(change: JobChange) {
    return this.#connection.write(() => this.#change.immediate(change));
  }

  claimFires(claims: readonly JobClaim[]) {
    return this.#connection.write(() => this.#claim.immediate(claims));
  }

  updateFire(fire: Fire) {
    return this.#connection.write(() => this.#jobs.update(fire));
  }

  deleteJob(id: string, owner: string) {
    return this.#connection.write(() => this.#delete.immediate(id, owner), "makes room");
  }

  dueJobs(now: number, limit: number) {
    return this.#connection.read(() => this.#jobs.due(now, limit));
  }

  nextDueAt() {
    return this.#connection.read(() => this.#jobs.nextDueAt());
  }

  listFires(query: FireQuery) {
    return this.#connection.read(() => this.#jobs.fires(query));
  }

  latestFires(jobIds: readonly string[]) {
    return this.#connection.read(() => this.#jobs.latest(jobIds));
  }

  openFires() {
    return this.#connection.read(() => this.#jobs.open());
  }

  deliveryPlaces(query: { after: string; limit: number }) {
    return this.#connection.read(() => this.#undelivered.places(query));
  }

  undelivered(query: { place: string; now: number; limit: number }) {
    return this.#connection.read(() => this.#undelivered.at(query));
  }

  sweepFires(before: number, limit: number) {
    return this.#connection.write(() => this.#jobs.sweep(before, limit), "makes room");
  }
}
