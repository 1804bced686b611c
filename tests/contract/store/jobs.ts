import { describe, expect, test } from "vitest";
import type { Job } from "../../../src/domain/job.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { type Open, OWNER } from "../../helpers/stored.ts";

/** The part of the store's contract about jobs. */
export function jobContract(open: Open): void {
  describe("jobs", () => {
    test("jobs are found by id and owner, and listed page by page, either way, by state", async () => {
      const { jobs } = await open();
      const all = [aJob(), aJob({ state: "paused" }), aJob(), aJob()];
      for (const job of all) await jobs.createJob(job);
      await jobs.createJob(aJob({ owner: "somebody else" }));
      const [first] = all;
      expect(await jobs.findJob(first?.id ?? "", OWNER)).toEqual(first);
      expect(await jobs.findJob(first?.id ?? "", "somebody else")).toBeUndefined();
      const query = { owner: OWNER, order: "asc", limit: 3 } as const;
      const page = await jobs.listJobs(query);
      expect(page).toEqual(all.slice(0, 3));
      expect(await jobs.listJobs({ ...query, after: page.at(-1)?.id })).toEqual(all.slice(3));
      expect(await jobs.listJobs({ ...query, order: "desc", limit: 9 })).toEqual(all.toReversed());
      expect(await jobs.listJobs({ ...query, state: "paused" })).toEqual([all[1]]);
    });

    test("jobs are due by their next time, the one that waits longest first", async () => {
      const { jobs } = await open();
      expect(await jobs.nextDueAt()).toBeUndefined();
      const [late, early, later] = [aJob({ nextAt: 20 }), aJob({ nextAt: 10 }), aJob({ nextAt: 30 })];
      for (const job of [late, early, later, aJob()]) await jobs.createJob(job);
      expect(await jobs.nextDueAt()).toBe(10);
      expect(await jobs.dueJobs(20, 9)).toEqual([early, late]);
      expect(await jobs.dueJobs(20, 1)).toEqual([early]);
      expect(await jobs.dueJobs(9, 9)).toEqual([]);
    });

    test("change with their fires, all or nothing, and not unseen by who read them before", async () => {
      const { jobs } = await open();
      const job = aJob({ nextAt: 10 });
      await jobs.createJob(job);
      const fire = aFire(job.id);
      const changed = await jobs.changeJob({ job: { ...job, nextAt: 20, completed: 1 }, fires: [fire] });
      expect(changed).toMatchObject({ nextAt: 20, completed: 1, revision: 2 });
      expect(await jobs.findJob(job.id, OWNER)).toEqual(changed);
      // By the job as it was, and by a foreign owner.
      expect(await jobs.changeJob({ job: { ...job, name: "late" }, fires: [aFire(job.id)] })).toBeUndefined();
      expect(
        await jobs.changeJob({ job: { ...aJob(), id: job.id, owner: "x", revision: 2 } }),
      ).toBeUndefined();
      const query = { jobId: job.id, owner: OWNER, order: "asc", limit: 9 } as const;
      expect(await jobs.listFires(query)).toEqual([fire]);
    });

    test("jobs are claimed together, each occurrence once for ever", async () => {
      const { jobs } = await open();
      const [one, other, stale] = [aJob({ nextAt: 10 }), aJob({ nextAt: 10 }), aJob({ nextAt: 10 })];
      for (const job of [one, other, stale]) await jobs.createJob(job);
      const [first, second, third] = [aFire(one.id), aFire(other.id), aFire(stale.id)];
      const claims = [
        { job: { ...one, nextAt: 20 }, fires: [first] },
        { job: { ...other, nextAt: 20 }, fires: [second] },
        { job: { ...stale, revision: 7 }, fires: [third] },
      ];
      expect(await jobs.claimFires(claims)).toEqual([[first], [second], undefined]);
      expect(await jobs.dueJobs(19, 9)).toEqual([stale]);
      const history = (job: Job) => jobs.listFires({ jobId: job.id, owner: OWNER, order: "asc", limit: 9 });
      expect(await history(stale)).toEqual([]);
      // The same occurrence again, as after the clock was set back: the job goes on without it.
      const again = [aFire(one.id, { scheduledFor: first.scheduledFor }), aFire(one.id)];
      const claimed = await jobs.claimFires([{ job: { ...one, nextAt: 30, revision: 2 }, fires: again }]);
      expect(claimed).toEqual([[again[1]]]);
      expect(await history(one)).toEqual([first, again[1]]);
      // By hand it can be done at the same time.
      const manual = aFire(one.id, { kind: "manual", scheduledFor: first.scheduledFor });
      expect(await jobs.changeJob({ job: { ...one, revision: 3 }, fires: [manual] })).toMatchObject({
        revision: 4,
      });
      expect(await history(one)).toHaveLength(3);
    });

    test("jobs have a history, which tells what is open, and goes with them", async () => {
      const { jobs } = await open();
      const job = aJob();
      await jobs.createJob(job);
      const fires = [aFire(job.id), aFire(job.id), aFire(job.id)];
      const changed = await jobs.changeJob({ job, fires });
      const [first, second] = fires;
      if (first === undefined || second === undefined || changed === undefined) throw new Error("none");
      await jobs.updateFire({ ...first, status: "completed", endedAt: 5 });
      await jobs.changeJob({ job: changed, updates: [{ ...second, status: "running" }] });
      const query = { jobId: job.id, owner: OWNER, order: "desc", limit: 2 } as const;
      expect((await jobs.listFires(query)).map(({ status }) => status)).toEqual(["queued", "running"]);
      expect(await jobs.listFires({ ...query, after: second.id })).toMatchObject([
        { id: first.id, endedAt: 5 },
      ]);
      expect(await jobs.listFires({ ...query, status: "completed" })).toMatchObject([{ id: first.id }]);
      expect(await jobs.listFires({ ...query, owner: "somebody else" })).toEqual([]);
      expect(await jobs.latestFires([aJob().id, job.id])).toEqual([undefined, fires[2]]);
      expect((await jobs.openFires()).map(({ id }) => id)).toEqual([second.id, fires[2]?.id]);
      expect(await jobs.sweepFires(1_000, 9)).toBe(0);
      expect(await jobs.sweepFires(1_001, 9)).toBe(1);
      expect(await jobs.deleteJob(job.id, "somebody else")).toBe(false);
      expect(await jobs.deleteJob(job.id, OWNER)).toBe(true);
      expect(await jobs.deleteJob(job.id, OWNER)).toBe(false);
      expect(await jobs.openFires()).toEqual([]);
    });

    test("tell where something is to be delivered, and what, until it is; no sweep takes it before", async () => {
      const { jobs } = await open();
      const places = (after = "", limit = 9) => jobs.deliveryPlaces({ after, limit });
      const job = aJob();
      await jobs.createJob(job);
      expect(await places()).toEqual([]);
      const waiting = (target: string, nextAt: number) =>
        aFire(job.id, {
          status: "completed",
          deliveries: [{ target, status: "pending", attempts: 0, nextAt }],
        });
      const [late, early, other] = [
        waiting("webhook:https://a.example/x?key=secret", 30),
        waiting("webhook:https://a.example/y", 20),
        waiting("local", 10),
      ];
      const fires = [late, early, other, aFire(job.id, { status: "completed" })];
      await jobs.changeJob({ job, fires });
      const place = "webhook:a.example";
      expect(await places()).toEqual([
        { place: "local", at: 10 },
        { place, at: 20 },
      ]);
      expect(await places("", 1)).toEqual([{ place: "local", at: 10 }]);
      expect(await places("local")).toEqual([{ place, at: 20 }]);
      expect(await places(place)).toEqual([]);
      expect(await jobs.undelivered({ place, now: 30, limit: 9 })).toEqual([early, late]);
      expect(await jobs.undelivered({ place, now: 30, limit: 1 })).toEqual([early]);
      expect(await jobs.undelivered({ place, now: 19, limit: 9 })).toEqual([]);
      expect(await jobs.sweepFires(2_000, 9)).toBe(1);
      // Brought to one place, it is still to be brought to another.
      const both = {
        ...other,
        deliveries: [{ target: "local", status: "delivered", attempts: 1 } as const, ...late.deliveries],
      };
      for (const fire of [both, { ...early, deliveries: [] }]) await jobs.updateFire(fire);
      expect(await places()).toEqual([{ place, at: 30 }]);
      expect((await jobs.undelivered({ place, now: 30, limit: 9 })).map(({ id }) => id).sort()).toEqual(
        [late.id, other.id].sort(),
      );
      await jobs.deleteJob(job.id, OWNER);
      expect(await places()).toEqual([]);
    });
  });
}
