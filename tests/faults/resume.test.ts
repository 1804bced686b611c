import { expect, vi } from "vitest";
import { openStream } from "../helpers/live-stream.ts";
import { mixedScript } from "./mixed-load.ts";
import { fault } from "./report.ts";
import { openPlace, type Server } from "./server.ts";
import { RESPONSES, RUNS, type Seen, watch } from "./watch.ts";

const ABORTS = {
  id: "R-06",
  what: "a background response whose client leaves at exactly `response.created`: it completes",
  counts: { quick: 20, usual: 200, full: 1_000 },
};
const AT_ONCE = 10;

fault(ABORTS, async (count) => {
  const failures: string[] = [];
  const place = await openPlace(mixedScript);
  const server = await place.start();
  for (let done = 0; done < count; done += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, n) => done + n);
    await Promise.all(
      numbers.map(async (n) => {
        const body = { input: `job-${n}`, background: true, stream: true };
        const stream = await openStream(`${server.origin}/v1/responses`, body);
        const [, id = ""] = await stream.sees(/^event: response\.created\n.*"id":"(resp_\w+)"/m);
        stream.leave();
        const status = await endOf(server, `/v1/responses/${id}`);
        if (status !== "completed") failures.push(`${id} is ${status}`);
      }),
    );
  }
  return { failures };
});

async function endOf(server: Server, path: string): Promise<string> {
  return vi
    .waitFor(
      async () => {
        const { json } = await server.ask(path);
        expect(["queued", "in_progress", "running", "stopping"]).not.toContain(json.status);
        return json.status;
      },
      { timeout: 20_000, interval: 10 },
    )
    .catch(() => "without an end");
}

const SURFACES = [
  { surface: RUNS, path: "/v1/runs", body: {} },
  { surface: RESPONSES, path: "/v1/responses", body: { background: true } },
];

for (const { surface, path, body } of SURFACES) {
  const begin = async (server: Server, n: number): Promise<string> => {
    const { json } = await server.ask(path, { ...body, input: `job-${n}` });
    return json.run_id ?? json.id;
  };
  const whole = ({ origin }: Server, id: string) => watch(surface, { origin, id });

  const cut = {
    id: "R-07",
    what: `a watcher cut after k events, for every k, and once more after it came back, by ${surface.name}: no gap, no repeat`,
    counts: { quick: 1, usual: 3, full: 50 },
  };
  fault(cut, async (runs) => {
    const failures: string[] = [];
    const place = await openPlace(mixedScript);
    const server = await place.start();
    const { origin } = server;
    const all = await whole(server, await begin(server, 0));
    let n = 0;
    for (let round = 0; round < runs; round++) {
      for (let k = 0; k <= all.length; k++) {
        const id = await begin(server, ++n);
        const first = await watch(surface, { origin, id, count: k });
        const second = await watch(surface, { origin, id, after: first.at(-1)?.cursor, count: 1 + (k % 5) });
        const last = (second.at(-1) ?? first.at(-1))?.cursor;
        const joined = [...first, ...second, ...(await watch(surface, { origin, id, after: last }))];
        if (!isSame(joined, await whole(server, id))) failures.push(`cut after ${k}: ${id}`);
      }
    }
    return { n, failures };
  });

  const restarted = {
    id: "R-07",
    what: `a watcher across a restart, of a run that was over, or killed after k events and gone on with, by ${surface.name}: no gap, no repeat`,
    counts: { quick: 4, usual: 25, full: 200 },
  };
  fault(restarted, async (kills) => {
    const failures: string[] = [];
    const place = await openPlace(mixedScript);
    let server = await place.start();
    const over = await begin(server, 0);
    const all = await whole(server, over);
    for (let n = 1; n <= kills; n++) {
      const count = 1 + Math.floor(((n - 1) / kills) * (all.length - 1));
      const id = await begin(server, n);
      const first = await watch(surface, { origin: server.origin, id, count });
      await server.stop("SIGKILL");
      server = await place.start();
      const after = first.at(-1)?.cursor;
      const rest = await watch(surface, { origin: server.origin, id, after });
      failures.push(...faultsOf([...first, ...rest], await whole(server, id)).map((why) => `${id} ${why}`));
    }
    const { origin } = server;
    for (let k = 0; k <= all.length; k++) {
      const after = all[k - 1]?.cursor;
      const joined = [...all.slice(0, k), ...(await watch(surface, { origin, id: over, after }))];
      if (!isSame(joined, all)) failures.push(`over, cut after ${k}`);
    }
    return { n: kills + all.length + 1, failures };
  });

  function isSame(joined: readonly Seen[], all: readonly Seen[]): boolean {
    return textOf(joined) === textOf(all);
  }
}

function textOf(seen: readonly Seen[]): string {
  return seen.map(({ text }) => text).join("\n\n");
}

/** The beginning of an item and more of its text may be told before they are stored: the step is asked again then. */
const EARLY = /"type":"response\.(output_item\.added|content_part\.added|mcp_call\.in_progress)"|\.delta"/;

/** What is wrong with what a watcher has of a run that was killed under its eyes. */
function faultsOf(joined: readonly Seen[], all: readonly Seen[]): string[] {
  const cursors = joined.map(({ cursor }) => cursor);
  const faults: string[] = [];
  if (cursors.some((cursor, i) => i > 0 && cursor <= (cursors[i - 1] ?? 0)))
    faults.push(`repeats: ${cursors}`);
  const begun = joined.flatMap(
    ({ text }) => /"response\.output_item\.added".*?"item":\{"id":"(\w+)"/.exec(text)?.[1] ?? [],
  );
  // Two items of one name would be one of twice the text for who adds deltas up.
  if (new Set(begun).size !== begun.length) faults.push(`begins an item twice: ${begun}`);
  const had = new Set(joined.map(({ text }) => text));
  const missed = all.filter(({ text }) => !had.has(text));
  if (missed.length > 0) faults.push(`misses ${textOf(missed)}`);
  const kept = new Set(all.map(({ text }) => text));
  const lost = joined.filter(({ text }) => !kept.has(text) && !EARLY.test(text));
  if (lost.length > 0) faults.push(`was told what is no more: ${textOf(lost)}`);
  return faults;
}
