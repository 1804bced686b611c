import { expect, vi } from "vitest";
import { call, type Play, say, scriptedProvider, think } from "./scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "./test-app.ts";

export const RUNS = "/v1/runs";
export const FILES = { "notes.txt": "The code is 7431.\n" };
export const LOOK = [
  ...think("Let me look."),
  ...say("I will ", "read."),
  ...call("read_file", { path: "notes.txt" }),
];

export interface RunBody {
  run_id: string;
  status: string;
  replayed: boolean;
  output?: string;
  usage?: Record<string, number>;
  error?: string;
  session_id: string | null;
  last_event: string | null;
}

export interface RunEvent {
  event: string;
  run_id: string;
  seq: number;
  timestamp: number;
  [field: string]: unknown;
}

/** What a stream's frames hold; each has its number as its id. */
export function eventsOf(text: string): RunEvent[] {
  return text
    .split("\n\n")
    .filter((frame) => frame.startsWith("id: "))
    .map((frame) => {
      const [, id, data = ""] = /^id: (\d+)\ndata: (.*)$/.exec(frame) ?? [];
      const event = JSON.parse(data) as RunEvent;
      expect(event.seq).toBe(Number(id));
      return event;
    });
}

export async function openRuns(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, files: FILES, ...options });
  const create = async (body: object = {}, headers = {}) => {
    const answer = await app.ask(RUNS, { body: { input: "What is the code?", ...body }, headers });
    expect(answer.status).toBe(202);
    return answer.json<RunBody>();
  };
  const read = async (id: string) => (await app.ask(`${RUNS}/${id}`)).json<RunBody>();
  const ends = (id: string) =>
    vi.waitFor(async () => {
      const run = await read(id);
      expect(["queued", "running", "stopping", "waiting_for_approval", "waiting_for_input"]).not.toContain(
        run.status,
      );
      return run;
    });
  return { ...app, provider, create, read, ends };
}
