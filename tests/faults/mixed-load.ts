import { asChat, type ReceivedRequest } from "../fake-upstream/request.ts";
import type { Reply } from "../fake-upstream/script.ts";
import { framesOf } from "../helpers/frames.ts";
import { openStream } from "../helpers/live-stream.ts";
import type { Server } from "./server.ts";

const CONVERSATION = "kills";
/** The session of some of the runs. */
export const SESSION = { "x-hermes-session-id": "kills-session" };

/** What the server said yes to: the client's own record. */
export interface Ledger {
  /** Background responses by their jobs' names. */
  background: Map<string, string>;
  /** Runs by their jobs' names. */
  runs: Map<string, string>;
  /** Names of what a conversation and a session were told. */
  told: { conversation: string[]; session: string[] };
  /** Whole answers, as they came. */
  whole: Map<string, { id: string }>;
  /** Ids whose deletion was answered. */
  deleted: string[];
  /** The last answer of the chain, and what its client has said in it. */
  chain: { id: string | undefined; said: string[] };
  /** Events that a watcher has: the run's id, the event's and what it said. */
  seen: { run: string; id: string; data: string }[];
  /** What was wrong at once. */
  failures: string[];
}

/** A record with nothing in it. */
export function newLedger(): Ledger {
  return {
    background: new Map(),
    runs: new Map(),
    told: { conversation: [], session: [] },
    whole: new Map(),
    deleted: [],
    chain: { id: undefined, said: [] },
    seen: [],
    failures: [],
  };
}

/** A job writes its name to a file, once, and then says that it did; a talk says what it heard. */
export const mixedScript = (request: ReceivedRequest): Reply | undefined => {
  if (request.endpoint !== "completion") return undefined;
  const { messages } = asChat(request);
  const asked = messages.findLastIndex(({ role }) => role === "user");
  const name = /(job|talk)-\d+/.exec(JSON.stringify(messages[asked]))?.[0] ?? "";
  const slowly = { drip: { everyMs: 2 }, split: "events" } as const;
  if (name.startsWith("talk")) {
    const heard = messages.filter(({ role }) => role === "user").map(({ content }) => content);
    return { text: `heard ${heard.join(" ")}`, ...slowly };
  }
  if (messages.slice(asked).some(({ role }) => role === "tool"))
    return { text: `${name} is done, and so says this sentence.`, ...slowly };
  const command = `echo ${name} >> effects.txt`;
  return { text: "I write.", toolCalls: [{ name: "terminal", arguments: { command } }], split: "events" };
};

/** Asks for work of all kinds until it is done or the server is gone. */
export async function load(server: Server, round: number, ledger: Ledger): Promise<void> {
  const name = (n: number) => `job-${round * 10 + n}`;
  await Promise.allSettled([
    background(server, name(0), ledger),
    backgroundByStream(server, name(1), ledger),
    inConversation(server, name(2), ledger),
    run(server, name(3), ledger),
    runInSession(server, name(4), ledger),
    whole(server, name(5), ledger),
    chained(server, `talk-${round}`, ledger),
    remove(server, ledger),
  ]);
}

async function created(server: Server, path: string, body: object, headers = {}) {
  const { status, text, json } = await server.ask(path, body, { headers });
  if (status >= 300) throw new Error(`${path} answers ${status} ${text}`);
  return json;
}

async function background(server: Server, input: string, ledger: Ledger) {
  const { id } = await created(server, "/v1/responses", { input, background: true });
  ledger.background.set(input, id);
}

/** The id is in the stream's first event; the stream is left there. */
async function backgroundByStream({ origin }: Server, input: string, ledger: Ledger) {
  const stream = await openStream(`${origin}/v1/responses`, { input, background: true, stream: true });
  const [, id = ""] = await stream.sees(/"id":"(resp_\w+)"/);
  ledger.background.set(input, id);
  stream.leave();
}

async function inConversation(server: Server, input: string, ledger: Ledger) {
  const body = { input, background: true, conversation: CONVERSATION };
  const { id } = await created(server, "/v1/responses", body);
  ledger.background.set(input, id);
  ledger.told.conversation.push(input);
}

/** Watched to its end, or to the server's. */
async function run(server: Server, input: string, ledger: Ledger) {
  const { run_id: id } = await created(server, "/v1/runs", { input });
  ledger.runs.set(input, id);
  const stream = await openStream(`${server.origin}/v1/runs/${id}/events`);
  const text = await stream.ended;
  for (const frame of framesOf(text.slice(0, text.lastIndexOf("\n\n") + 2))) {
    const { id: seq, data = "" } = frame;
    // More of a text may be told before it is stored, and a suspension is none; all else must be there for ever.
    if (seq !== undefined && !/\.delta"|"run\.suspended"/.test(data))
      ledger.seen.push({ run: id, id: seq, data });
  }
}

async function runInSession(server: Server, input: string, ledger: Ledger) {
  const { run_id: id } = await created(server, "/v1/runs", { input }, SESSION);
  ledger.runs.set(input, id);
  ledger.told.session.push(input);
}

async function whole(server: Server, input: string, ledger: Ledger) {
  const answer = await created(server, "/v1/responses", { input });
  ledger.whole.set(answer.id, answer);
}

/** Goes on with the chain; the model must hear all that was said in it. */
async function chained(server: Server, input: string, ledger: Ledger) {
  const { id: previous, said } = ledger.chain;
  const body = { input, ...(previous !== undefined && { previous_response_id: previous }) };
  const answer = await created(server, "/v1/responses", body);
  ledger.whole.set(answer.id, answer);
  ledger.chain = { id: answer.id, said: [...said, input] };
  const text = JSON.stringify(answer.output);
  if (!text.includes(`heard ${ledger.chain.said.join(" ")}"`)) ledger.failures.push(`${input}: ${text}`);
}

/** Deletes the oldest answer that the chain does not go on from. */
async function remove(server: Server, ledger: Ledger) {
  const id = [...ledger.whole.keys()].find((other) => other !== ledger.chain.id);
  if (id === undefined) return;
  // Whether it took effect nobody knows until it is answered.
  ledger.whole.delete(id);
  const { status } = await server.ask(`/v1/responses/${id}`, undefined, { method: "DELETE" });
  if (status === 200) ledger.deleted.push(id);
  else ledger.failures.push(`DELETE ${id} answers ${status}`);
}
