import { setTimeout } from "node:timers/promises";
import type { ParseArgsOptionsConfig } from "node:util";
import { Client, Refusal } from "./client.ts";
import { type Command, type CommandGroup, type Given, readText } from "./command.ts";
import { EXIT, StartError } from "./failure.ts";
import { FIELD_OPTIONS, readJobFields } from "./job-fields.ts";
import { type FireBody, fireTable, formatNext, type JobBody, jobFacts, jobTable } from "./job-views.ts";
import { JOBS_HELP } from "./jobs-help.ts";
import { importJobs } from "./jobs-import.ts";
import { plainLines, printable, time } from "./print.ts";

interface Page<Entry> {
  data: Entry[];
  has_more: boolean;
  last_id: string | null;
}

const JOBS = "/v1/jobs";

/** An action: asks the server, and prints what a person wants to know of its answer, or with --json all of it. */
function action<Answer>(
  terms: { usage?: string; options?: ParseArgsOptionsConfig },
  parts: { ask(server: Client, given: Given): Promise<Answer>; show(answer: Answer): string },
): Command {
  const { usage = "<job>", options } = terms;
  return {
    usage,
    options: { ...options, json: { type: "boolean" } },
    run: async (given) => {
      const answer = await parts.ask(new Client(given.options), given);
      const isJson = given.values["json"] === true;
      process.stdout.write(isJson ? `${JSON.stringify(answer, undefined, 2)}\n` : parts.show(answer));
    },
  };
}

const list = action(
  // hermes-agent lists all only when told to; here it always does.
  { usage: "", options: { state: { type: "string" }, all: { type: "boolean" } } },
  {
    ask: (server, given) => fetchJobs(server, readText(given, "state")),
    show: (jobs) => (jobs.length === 0 ? "There are no jobs.\n" : jobTable(jobs)),
  },
);

const show = action(
  {},
  { ask: (server, { args: [name = ""] }) => findJobByName(server, name), show: jobFacts },
);

const create = action(
  { usage: "<schedule> [prompt]", options: { ...FIELD_OPTIONS, paused: { type: "boolean" } } },
  {
    ask: (server, given) => {
      const [schedule, prompt] = given.args;
      const paused = given.values["paused"] === true && { paused: true };
      const body = { ...readJobFields(given), schedule, ...(prompt !== undefined && { prompt }), ...paused };
      return server.ask<JobBody>(JOBS, { body });
    },
    show: (job) => `${job.id}  ${printable(job.name)}: ${formatNext(job)}\n`,
  },
);

const update = action(
  { options: FIELD_OPTIONS },
  {
    ask: (server, given) => {
      const body = readJobFields(given);
      if (Object.keys(body).length === 0)
        throw new StartError("Nothing to change was given. Run hermes jobs --help.", EXIT.usage);
      return askOfJob<JobBody>(server, given, { method: "PATCH", body });
    },
    show: jobFacts,
  },
);

const pause = action(
  { options: { reason: { type: "string" } } },
  {
    ask: (server, given) =>
      askOfJob<JobBody>(server, given, { path: "/pause", body: { reason: readText(given, "reason") } }),
    show: (job) => `${job.id}  ${printable(job.name)}: paused\n`,
  },
);

const resume = action(
  {},
  {
    ask: (server, given) => askOfJob<JobBody>(server, given, { path: "/resume", method: "POST" }),
    show: (job) => `${job.id}  ${printable(job.name)}: ${formatNext(job)}\n`,
  },
);

const run = action(
  { options: { wait: { type: "boolean" }, prompt: { type: "string" } } },
  {
    ask: async (server, given) => {
      const { id } = await findJobByName(server, given.args[0] ?? "");
      const body = { prompt: readText(given, "prompt") };
      const fire = await server.ask<FireBody>(`${JOBS}/${id}/run`, { body });
      return given.values["wait"] === true ? waitForEnd(server, id, fire) : fire;
    },
    show: ({ status, output, id }) =>
      hasEnded(status) ? `${plainLines(output ?? "")}\n` : `${id}: ${status}\n`,
  },
);

const remove = action(
  {},
  {
    ask: (server, given) => askOfJob<{ id: string }>(server, given, { method: "DELETE" }),
    show: ({ id }) => `${id}: removed\n`,
  },
);

const runs = action(
  { options: { limit: { type: "string" }, status: { type: "string" } } },
  {
    ask: (server, given) => askOfJob<Page<FireBody>>(server, given, { path: `/runs?${buildQuery(given)}` }),
    show: ({ data }) => (data.length === 0 ? "It was not due yet, nor run.\n" : fireTable(data)),
  },
);

const forecast = action(
  { options: { limit: { type: "string" }, from: { type: "string" }, to: { type: "string" } } },
  {
    ask: (server, given) =>
      askOfJob<{ data: { local: string; clock: string }[] }>(server, given, {
        path: `/forecast?${buildQuery(given, { limit: "10" })}`,
      }),
    show: ({ data }) =>
      data.length === 0
        ? "No further occurrences.\n"
        : data.map(({ local, clock }) => `${time(local)}${CLOCKS[clock] ?? ""}\n`).join(""),
  },
);

const CLOCKS: Readonly<Record<string, string>> = {
  gap: "   (its own time is skipped that day)",
  first: "   (comes twice that day: the first)",
  second: "   (comes twice that day: the second)",
};

/** `hermes jobs <action>` */
export const jobs: CommandGroup = {
  help: JOBS_HELP,
  actions: {
    list,
    show,
    create,
    update,
    pause,
    resume,
    run,
    remove,
    runs,
    forecast,
    import: importJobs,
    // As hermes-agent's users type them.
    add: create,
    edit: update,
    rm: remove,
    delete: remove,
  },
};

function buildQuery(given: Given, usual: Record<string, string> = {}): string {
  const query = new URLSearchParams(usual);
  for (const name of ["limit", "status", "from", "to"]) {
    const value = readText(given, name);
    if (value !== undefined) query.set(name, value);
  }
  return query.toString();
}

/** All of them, the oldest first. */
async function fetchJobs(server: Client, state?: string): Promise<JobBody[]> {
  const found: JobBody[] = [];
  for (let after: string | null = ""; after !== null; ) {
    const query = new URLSearchParams({ order: "asc", limit: "100" });
    if (after !== "") query.set("after", after);
    if (state !== undefined) query.set("state", state);
    const page: Page<JobBody> = await server.ask(`${JOBS}?${query}`);
    found.push(...page.data);
    after = page.has_more ? page.last_id : null;
  }
  return found;
}

/** @throws StartError when there is none of that id or name, or several of that name. */
async function findJobByName(server: Client, name: string): Promise<JobBody> {
  if (/^[0-9a-f]{12}$/.test(name)) {
    const job = await server.ask<JobBody>(`${JOBS}/${name}`).catch((error: unknown) => {
      if (error instanceof Refusal && error.status === 404) return undefined;
      throw error;
    });
    if (job !== undefined) return job;
  }
  const [job, ...others] = (await fetchJobs(server)).filter((candidate) => candidate.name === name);
  const shown = JSON.stringify(name);
  if (job === undefined)
    throw new StartError(`There is no job ${shown}; hermes jobs list shows them.`, EXIT.failure);
  if (others.length === 0) return job;
  const ids = [job, ...others].map(({ id }) => id).join(", ");
  throw new StartError(`${others.length + 1} jobs are named ${shown}; use an id: ${ids}.`, EXIT.failure);
}

async function askOfJob<Answer>(
  server: Client,
  { args: [name = ""] }: Given,
  { path = "", ...request }: { path?: string; method?: string; body?: unknown },
): Promise<Answer> {
  const { id } = await findJobByName(server, name);
  return server.ask<Answer>(`${JOBS}/${id}${path}`, request);
}

const LOOK_AGAIN_MS = 200;

function hasEnded(status: string): boolean {
  return status !== "queued" && status !== "running";
}

/** Waits until a job was done. @throws StartError when it did not complete. */
async function waitForEnd(server: Client, jobId: string, { id }: FireBody): Promise<FireBody> {
  for (;;) {
    const { data } = await server.ask<Page<FireBody>>(`${JOBS}/${jobId}/runs?limit=100`);
    const fire = data.find((candidate) => candidate.id === id);
    if (fire === undefined) throw new StartError("The job was removed meanwhile.", EXIT.failure);
    if (fire.status === "completed") return fire;
    if (hasEnded(fire.status))
      throw new StartError(
        `It ended as ${fire.status}: ${printable(fire.reason ?? "no reason")}`,
        EXIT.failure,
      );
    await setTimeout(LOOK_AGAIN_MS);
  }
}
