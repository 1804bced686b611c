import { hold, vanish } from "./load/held.ts";
import type { Job, Reply, Request, ResultOf } from "./load/jobs.ts";
import { runLoop, runPaced } from "./load/loop.ts";
import { probe } from "./load/probe.ts";
import { begin, watch, watched } from "./load/watch.ts";

/** The load, in a process of its own: does one job at a time for the orchestrator. */

let guarded: number[] = [];

async function perform(job: Job): Promise<ResultOf<Job>> {
  switch (job.do) {
    case "loop":
      return runLoop(job);
    case "paced":
      return runPaced(job);
    case "hold":
      return hold(job);
    case "vanish":
      return vanish();
    case "begin":
      return begin(job);
    case "watch":
      return watch(job);
    case "watched":
      return watched();
    case "probe":
      return probe(job);
    case "guard":
      guarded = job.pids;
      return null;
  }
}

function reply(message: Reply): void {
  process.send?.(message);
}

process.on("message", ({ id, job }: Request) => {
  perform(job).then(
    (result) => reply({ id, result }),
    (error: unknown) => reply({ id, failed: String(error) }),
  );
});

// The orchestrator is gone without a goodbye (killed outright): nobody else would end the targets.
process.on("disconnect", () => {
  for (const pid of guarded) {
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Already gone.
    }
  }
  process.exit();
});

process.send?.("ready");
