import { expect, test } from "vitest";
import type { RunId } from "../../../../src/domain/id.ts";
import { Execution } from "../../../../src/jobs/execution/execution.ts";
import { ScriptRuns } from "../../../../src/jobs/execution/script-run.ts";
import type { ScriptEnd } from "../../../../src/jobs/execution/scripts.ts";
import { Skills } from "../../../../src/skills/skills.ts";
import { readerOf } from "../../../helpers/confined-reader.ts";
import { aFire, aJob } from "../../../helpers/jobs.ts";
import { runService } from "../../../helpers/run-service.ts";
import { say, scriptedProvider } from "../../../helpers/scripted-provider.ts";
import { OWNER } from "../../../helpers/stored.ts";

const RUN: RunId = "run_0000000000000000000000000000abcd";

/** What does fires, with a script that ends so. */
async function open(script?: ScriptEnd) {
  const service = await runService(scriptedProvider([say("Done.")]));
  const { runs, inner } = service;
  const scripted: string[] = [];
  const run = async () => {
    scripted.push("run");
    return script;
  };
  const reader = readerOf();
  const execution = new Execution({
    runs,
    scripts: new ScriptRuns({
      scripts: { command: async () => "true", run },
      clock: { now: Date.now },
      directoryOf: () => "/",
    }),
    sources: { skills: new Skills("/nowhere", reader), reader, store: inner.jobs, directoryOf: () => "/" },
    isPrincipal: (id) => id === OWNER,
  });
  const job = aJob({ work: { prompt: "Go.", limits: {}, ...(script && { script: "a.sh" }) } });
  const fire = aFire(job.id, { runId: RUN });
  const begun = { job, fire, keep: async () => undefined, signal: new AbortController().signal };
  return { execution, runs, scripted, begun };
}

test("a fire that is told to stop before it began does nothing", async () => {
  const { execution, runs, scripted, begun } = await open({ output: "" });
  const result = await execution.execute({ ...begun, signal: AbortSignal.abort() });
  expect(result).toMatchObject({ status: "cancelled", isWithoutRun: true });
  expect([await runs.status(RUN, OWNER), scripted]).toEqual([undefined, []]);
});

test("a fire that is told to stop while its run begins stops the run", async () => {
  const { execution, runs, begun } = await open();
  const stop = new AbortController();
  const admit = runs.admit.bind(runs);
  runs.admit = async (input) => {
    const run = await admit(input);
    stop.abort();
    return run;
  };
  expect(await execution.execute({ ...begun, signal: stop.signal })).toMatchObject({ status: "cancelled" });
  expect(await runs.status(RUN, OWNER)).toBe("cancelled");
});

test("a script is not begun where that cannot be stored, and not run again where its end cannot", async () => {
  const { execution, scripted, begun } = await open({ output: "42" });
  const full = new Error("the disk is full");
  await expect(execution.execute({ ...begun, keep: () => Promise.reject(full) })).rejects.toBe(full);
  expect(scripted).toEqual([]);
  let kept = 0;
  const keep = async () => {
    if (++kept > 1) throw full;
  };
  expect(await execution.execute({ ...begun, keep })).toMatchObject({
    status: "interrupted",
    reason: expect.stringContaining("could not be stored"),
    mayRepeat: false,
  });
  expect(scripted).toEqual(["run"]);
});
