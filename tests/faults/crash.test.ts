import type { AgentEvent } from "../../src/domain/event.ts";
import { fold } from "../../src/domain/fold.ts";
import { crashInput, dieAt, finish, type Kind, STEER, startProcess } from "../helpers/crash.ts";
import { OWNER, transcriptOf } from "../helpers/stored.ts";
import { fault } from "./report.ts";

const KINDS = ["background response", "session run", "steered run"] as const;
const MOMENTS = ["before", "after"] as const;
/** Far more writes than any of the runs makes. */
const MANY = 100;

for (const kind of KINDS) {
  const row = {
    id: "R-02",
    what: `a process dies before and after each write of its store, in a ${kind}: the next process ends the run as if nothing had happened`,
    counts: { quick: 1, usual: 5, full: 25 },
    limit: { of: "to its end, max", most: 5_000, unit: "ms" },
  };
  fault(row, async (rounds) => {
    const failures: string[] = [];
    const times: number[] = [];
    let steered = 0;
    for (let round = 0; round < rounds; round++) {
      for (const when of MOMENTS) {
        for (let at = 1; at < MANY; at++) {
          const died = await dieAt(at, when, kind);
          if (!died.hasDied) break;
          if (died.isSteered) steered++;
          const began = performance.now();
          failures.push(...(await faultsAfter(died, kind)).map((why) => `${when} ${at}: ${why}`));
          times.push(performance.now() - began);
        }
      }
    }
    if (kind === "steered run" && steered === 0) failures.push("nothing was ever said to it");
    return { n: times.length, failures, figure: Math.max(...times) };
  });
}

/** What is wrong with what the next process makes of it. */
async function faultsAfter(first: Awaited<ReturnType<typeof dieAt>>, kind: Kind): Promise<string[]> {
  const [left] = await first.inner.unfinishedRuns();
  if (left === undefined) {
    // Its client was never told of it, or it was over.
    const run = first.id && (await first.inner.findRun(first.id, OWNER));
    return first.id === undefined || run?.status === "completed" ? [] : [`it is ${run?.status}`];
  }
  const { id } = left.run;
  const second = await startProcess(first.inner);
  const events = await finish(second, id);
  const faults = [...faultsOf(events), ...(await ownerlessIn(second.inner))];
  const said = transcriptOf(await second.inner.readTranscript(id));
  const writes = [...first.effects, ...second.effects].filter((effect) => effect === "write").length;
  const isLost = said.some((line) => line.includes("outcome is unknown"));
  if (writes > 1 || (writes === 0 && !isLost)) faults.push(`its tool wrote ${writes} times`);
  for (const line of ["user: Go.", "call write", "call settle", "assistant: All done."])
    if (said.filter((other) => other === line).length !== 1)
      faults.push(`"${line}" is not there once: ${said}`);
  if (first.isSteered && !wasRead(events, said)) faults.push(`lost what a person said: ${said}`);
  if (kind === "session run") faults.push(...(await sessionFaults(second)));
  return faults;
}

function faultsOf(events: readonly AgentEvent[]): string[] {
  const { status, items } = fold(events);
  const seqs = events.map(({ seq }) => seq);
  const isOrdered = seqs.every((seq, i) => i === 0 || seq > (seqs[i - 1] ?? 0));
  return [
    ...(status === "completed" ? [] : [`it is ${status}`]),
    ...(items.some((item) => item.status === "in_progress") ? ["it leaves items open"] : []),
    ...(isOrdered ? [] : [`its numbers are ${seqs}`]),
  ];
}

async function ownerlessIn(store: Awaited<ReturnType<typeof startProcess>>["inner"]): Promise<string[]> {
  return (await store.unfinishedRuns()).map(({ run }) => `${run.id} is left without an end`);
}

/** A person's words are read by the model once. */
function wasRead(events: readonly AgentEvent[], said: readonly string[]): boolean {
  const isTold = events.some((event) => event.type === "run.steered" && event.text === STEER);
  return isTold && said.filter((line) => line === `user: ${STEER}`).length === 1;
}

/** The session is free, and the next run hears the whole of the one before. */
async function sessionFaults(second: Awaited<ReturnType<typeof startProcess>>): Promise<string[]> {
  const next = await second.runs.admit(crashInput("session run"));
  await next.begin();
  const said = transcriptOf(await second.inner.readTranscript(next.run.id));
  const times = said.filter((line) => line === "user: Go.").length;
  return times === 2 ? [] : [`the session was told ${times} things: ${said}`];
}
