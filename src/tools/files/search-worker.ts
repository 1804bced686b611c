import { getPriority, setPriority } from "node:os";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { platformPin } from "../../files/pin.ts";
import type { SearchMatch } from "../workspace.ts";
import type { Limits } from "./confinement.ts";
import { Protection } from "./protection.ts";
import { search } from "./search.ts";
import { CONTROL, type SearchJob, type ThreadNews, type ThreadSetup } from "./search-job.ts";

/** Matches are told in groups: the server's thread has better things to do than to read each. */
const GROUP = 100;
const GROUP_MS = 50;

class Stopped extends Error {}

/** By how much a thread's nice value is above the server's: whoever answers requests goes first. */
const NICER = 5;
const MAX_NICE = 19;

/** What a thread keeps from search to search. */
interface Place extends Pick<Limits, "protection" | "pin"> {
  port: MessagePort;
  state: Int32Array<SharedArrayBuffer>;
}

function serveSearches(port: MessagePort, { protectedPaths, control }: ThreadSetup): void {
  // Linux counts threads as processes; elsewhere the whole server would be meant.
  if (process.platform === "linux") setPriority(Math.min(getPriority() + NICER, MAX_NICE));
  const state = new Int32Array(control);
  const place: Place = { port, state, protection: new Protection(protectedPaths), pin: platformPin() };
  port.on("message", (job: SearchJob) => {
    try {
      runSearch(job, place);
    } catch (error) {
      postNews(place, { error: error instanceof Error ? error.message : String(error) });
    }
  });
}

/** Runs one search. What was found is told in time, since the thread may be ended inside a pattern. */
function runSearch(job: SearchJob, place: Place): void {
  const { state, protection, pin } = place;
  let group: SearchMatch[] = [];
  let toldAt = performance.now();
  const flush = () => {
    if (group.length > 0) postNews(place, { matches: group });
    group = [];
    toldAt = performance.now();
  };
  const found = (match: SearchMatch): void => {
    group.push(match);
    if (group.length >= GROUP) flush();
  };
  const step = (isMatching: boolean): void => {
    Atomics.store(state, CONTROL.matching, isMatching ? 1 : 0);
    Atomics.add(state, CONTROL.beat, 1);
    if (Atomics.load(state, CONTROL.stop) === 1) throw new Stopped();
    if (group.length > 0 && performance.now() - toldAt > GROUP_MS) flush();
  };
  const { root, alias } = job;
  const end = search({ root, alias, protection, pin }, job, { found, step });
  flush();
  postNews(place, { end });
}

function postNews({ port }: Place, news: ThreadNews): void {
  port.postMessage(news);
}

if (parentPort !== null) serveSearches(parentPort, workerData as ThreadSetup);
