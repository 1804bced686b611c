import { asChat, type ReceivedRequest } from "../fake-upstream/request.ts";
import type { Reply } from "../fake-upstream/script.ts";
import { CRASH_KINDS, crashFiring } from "../helpers/jobs-crash.ts";
import { checkHistories, historiesOf, letJobsEnd, makeJobs, ranIn } from "./job-histories.ts";
import { fault, percentile, randomFrom, SEED } from "./report.ts";
import { killAfter, openPlace } from "./server.ts";

/** Far more writes than any of them makes. */
const MANY = 100;

for (const [name, kind] of Object.entries(CRASH_KINDS))
  fault(
    {
      id: "R-04",
      what: `a process dies before and after each write of ${name}: one row, one run and one effect each in the end`,
      counts: { quick: 1, usual: 5, full: 25 },
    },
    async (rounds) => {
      const failures: string[] = [];
      let n = 0;
      for (let round = 0; round < rounds; round++)
        for (const when of ["before", "after"] as const)
          for (let at = 1; at < MANY; at++) {
            const outcome = await crashFiring(kind, { at, when });
            if (!outcome.hasDied) break;
            failures.push(...outcome.failures.map((why) => `${when} ${at}: ${why}`));
            n++;
          }
      return { n, failures };
    },
  );

/** A job writes its name to a file, once, and then says so; of what the model is told `unknown` has what nobody knows. */
function writingJobs() {
  const unknown = new Map<string, Set<string>>();
  const script = (request: ReceivedRequest): Reply | undefined => {
    if (request.endpoint !== "completion") return undefined;
    const { messages } = asChat(request);
    const name = /job-\d+/.exec(JSON.stringify(messages))?.[0] ?? "";
    const result = messages.find((message) => message.role === "tool");
    if (result === undefined)
      return { toolCalls: [{ name: "terminal", arguments: { command: `echo ${name} >> effects.txt` } }] };
    if (JSON.stringify(result.content).includes("unknown")) {
      const calls = unknown.get(name) ?? new Set();
      unknown.set(name, calls.add(result.tool_call_id));
    }
    return { text: `${name} is done.` };
  };
  return { script, unknown };
}

const JOBS = 20;
const EACH_SECOND = {
  schedule: "every 1s",
  misfire: { policy: "all", grace: 86_400 },
  overlap: "queue",
  retry: { attempts: 0 },
  max_failures: 0,
};

fault(
  {
    id: "R-04",
    what: "20 jobs due each second, all to be done, `kill -9` at any time: every second has one row and one run, each job's command ran once for it or its model was told that nobody knows",
    counts: { quick: 3, usual: 40, full: 400 },
    limit: { of: "restart to healthy, p99", most: 1_000, unit: "ms" },
  },
  async (rounds) => {
    const random = randomFrom(SEED);
    const { script, unknown } = writingJobs();
    const place = await openPlace(script, "jobs: {max_concurrent: 40}\n");
    let ids: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const server = await place.start();
      if (round === 0) ids = await makeJobs(server, JOBS, EACH_SECOND);
      await killAfter(server, 200 + random() * 1_800);
    }
    const integrity = await place.integrity();
    const server = await place.start();
    await letJobsEnd(server, ids);
    const histories = await historiesOf(server, ids);
    const failures = checkHistories(histories, {
      everyMs: 1_000,
      effects: { ran: await ranIn(place), unknown },
    });
    if (integrity !== "ok") failures.push(integrity);
    const n = histories.reduce((sum, { fires }) => sum + fires.length, 0);
    return { n, failures, figure: percentile(place.starts, 0.99) };
  },
);

fault(
  {
    id: "R-61",
    what: "the process is stopped for seconds (SIGSTOP) while 20 jobs are due each second: the latest is done when it goes on, the others are told, none twice",
    counts: { quick: 1, usual: 5, full: 20 },
    limit: { of: "of one job within a second of waking, max", most: 4, unit: "runs" },
  },
  async (stops) => {
    const random = randomFrom(SEED);
    const { script, unknown } = writingJobs();
    const place = await openPlace(script, "jobs: {max_concurrent: 40}\n");
    const server = await place.start();
    const ids = await makeJobs(server, JOBS, { ...EACH_SECOND, misfire: { policy: "latest" } });
    const woken: number[] = [];
    for (let stop = 0; stop < stops; stop++) {
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      server.child.kill("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 3_000 + random() * 4_000));
      server.child.kill("SIGCONT");
      woken.push(Date.now());
    }
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await letJobsEnd(server, ids);
    const histories = await historiesOf(server, ids);
    const failures = checkHistories(histories, {
      everyMs: 1_000,
      effects: { ran: await ranIn(place), unknown },
    });
    const storm = histories.flatMap(({ fires }) =>
      // Times are told in whole seconds.
      woken.map((at) => fires.filter(({ started }) => started >= at - 1_000 && started < at + 1_000).length),
    );
    return { n: stops, failures, figure: Math.max(...storm) };
  },
);
