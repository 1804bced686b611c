import { expect, vi } from "vitest";
import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

/** A job as `/v1/jobs` shows it. */
export interface JobBody {
  id: string;
  state: string;
  next_run_at: string | null;
  schedule: Record<string, unknown>;
  [field: string]: unknown;
}

/** One time that a job was due or was run. */
export interface FireBody {
  id: string;
  status: string;
  run_id: string | null;
  [field: string]: unknown;
}

const JOBS = "/v1/jobs";

/** A server whose model says what it is given, and what tests do with jobs. */
export async function openJobsApp(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, ...options });
  const { ask } = app;
  const create = async (body: object) => {
    const answer = await ask(JOBS, { body });
    expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
    return answer.json<JobBody>();
  };
  const change = async (id: string, body: object) => {
    const answer = await ask(`${JOBS}/${id}`, { method: "PATCH", body });
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return answer.json<JobBody>();
  };
  const read = async (id: string) => (await ask(`${JOBS}/${id}`)).json<JobBody>();
  const history = async (id: string) => (await ask(`${JOBS}/${id}/runs`)).json<{ data: FireBody[] }>().data;
  /** Waits until the latest fire is so far. */
  const fires = (id: string, status = "completed") =>
    vi.waitFor(async () => {
      const [fire] = await history(id);
      expect(fire).toMatchObject({ status });
      return fire as FireBody;
    }, 5_000);
  /** Does a job now, and waits for its end. */
  const runNow = async (id: string, status = "completed") => {
    expect((await ask(`${JOBS}/${id}/run`, { method: "POST" })).status).toBe(202);
    return fires(id, status);
  };
  return { ...app, provider, create, change, read, history, fires, runNow };
}
