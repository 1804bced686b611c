import { EMPTY_CHOICES } from "../fake-upstream/edits.ts";
import { asChat, type ReceivedRequest } from "../fake-upstream/request.ts";
import type { Answer, Reply } from "../fake-upstream/script.ts";
import { type Live, send, startLive } from "../helpers/live-app.ts";
import { forEach, numberOf, range } from "./answers.ts";
import { fault } from "./report.ts";

const MAX_STEPS = 8;
const READ = { name: "read_file", arguments: { path: "notes.txt" } };
const DONE = "So that is that.";

/** What the model asks for, and what it must then read. */
interface Odd {
  name: string;
  calls: Answer;
  /** What each result that the model reads must hold, in order; of many the first. */
  results: RegExp[];
  count: number;
}

const ODD: Odd[] = [
  {
    name: "an unknown tool",
    calls: { toolCalls: [{ name: "no_such_tool" }] },
    results: [/no_such_tool/],
    count: 1,
  },
  {
    name: "arguments that are no JSON",
    calls: { toolCalls: [{ name: "read_file", arguments: '{"path": "notes' }] },
    results: [/JSON|argument/i],
    count: 1,
  },
  {
    name: "arguments of the wrong shape",
    calls: { toolCalls: [{ name: "read_file", arguments: { path: 7 } }] },
    results: [/path/],
    count: 1,
  },
  {
    name: "arguments byte by byte",
    calls: { toolCalls: [READ], deltas: 1, split: 1 } as Answer,
    results: [/7431/],
    count: 1,
  },
  {
    name: "64 calls at once",
    calls: {
      toolCalls: range(64).map((n) => ({
        name: "read_file",
        arguments: { path: "notes.txt", limit: n + 1 },
      })),
    },
    results: [/7431/],
    count: 64,
  },
  {
    name: "one call id twice",
    calls: { toolCalls: [READ, READ].map((call) => ({ ...call, id: "call_same" })) },
    results: [/7431/, /7431/],
    count: 2,
  },
];

const CALLS = {
  id: "R-25",
  what: "an unknown tool, arguments that are no JSON, of the wrong shape or byte by byte, 64 calls at once, one call id twice, calls without an end: the model reads what was wrong, the loop ends at its limit and says so, the history stays valid",
  counts: { quick: 3, usual: 50, full: 300 },
};

fault(CALLS, async (count) => {
  const failures: string[] = [];
  const kinds = ODD.length + 2;
  const cases = range(count * kinds);
  const oddOf = (n: number): Odd | undefined => ODD[n % kinds];
  const live = await startLive(
    (request): Reply => {
      failures.push(...invalidIn(request));
      const n = numberOf(request.rawBody);
      const odd = oddOf(n);
      const results = resultsIn(request);
      if (odd === undefined) {
        if (/Again/.test(request.rawBody.toString())) return { text: DONE };
        // Something else each time, or the same for ever.
        const limit = n % kinds === ODD.length ? results.length + 1 : 1;
        return { toolCalls: [{ name: "read_file", arguments: { path: "notes.txt", limit } }] };
      }
      if (results.length === 0) return odd.calls;
      if (results.length !== odd.count) failures.push(`${odd.name}: ${results.length} results`);
      odd.results.forEach((expected, i) => {
        if (!expected.test(results[i] ?? "")) failures.push(`${odd.name}: ${results[i]}`);
      });
      return { text: DONE };
    },
    { yaml: `agent: { max_steps: ${MAX_STEPS} }`, files: { "notes.txt": "The code is 7431.\n" } },
  );
  await forEach(cases, 12, async (n) => {
    const name = oddOf(n)?.name ?? `calls without an end ${n % kinds}`;
    const answer = await json(live, "/v1/chat/completions", {
      messages: [{ role: "user", content: `#${n}#` }],
    });
    const { message, finish_reason: finish } = answer.choices?.[0] ?? {};
    const ending = `${finish ?? answer.error?.code} ${message?.content ?? ""}`;
    const expected = [`stop ${DONE}`, "length ", "tool_loop "][Math.max(0, (n % kinds) - ODD.length + 1)];
    if (ending !== expected) failures.push(`${name}: ${ending}`);
    // The same by a response, which is gone on from.
    const first = await json(live, "/v1/responses", { input: `#${n}#` });
    if (first.error !== null) return;
    const next = { input: `Again, #${n}#`, previous_response_id: first.id };
    const { status } = await json(live, "/v1/responses", next);
    if (status !== "completed") failures.push(`${name}: gone on from it is ${status}`);
  });
  return { n: cases.length, failures };
});

// biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it checks.
async function json(live: Live, path: string, body: object): Promise<any> {
  return (await send(live, path, body)).json();
}

/** What the model is told of its calls, since a person last spoke. */
function resultsIn(request: ReceivedRequest): string[] {
  const { messages } = asChat(request);
  const asked = messages.findLastIndex(({ role }) => role === "user");
  return messages.slice(asked).flatMap(({ role, content }) => (role === "tool" ? [String(content)] : []));
}

/** What a strict upstream would refuse: a call without exactly one result, or arguments that are no JSON object. */
function invalidIn(request: ReceivedRequest): string[] {
  const { messages } = asChat(request);
  const calls = messages.flatMap((message) =>
    message.role === "assistant" ? (message.tool_calls ?? []) : [],
  );
  const asked = calls.map(({ id }) => id);
  const answered = messages.flatMap((message) => (message.role === "tool" ? [message.tool_call_id] : []));
  const faults: string[] = [];
  if (new Set(asked).size !== asked.length) faults.push(`call ids twice: ${asked}`);
  if (asked.join() !== answered.join()) faults.push(`calls ${asked} have results ${answered}`);
  for (const call of calls)
    if (call.type === "function" && !isObject(call.function.arguments)) faults.push(call.function.arguments);
  return faults;
}

function isObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

const ANSWERS: [name: string, reply: Answer, status: number, content: string | null, finish: string][] = [
  ["no usage", { text: "Hi.", usage: null }, 200, "Hi.", "stop"],
  [
    "usage of text",
    { text: "Hi.", rawUsage: { prompt_tokens: "many", completion_tokens: null } },
    200,
    "Hi.",
    "stop",
  ],
  [
    "negative usage",
    { text: "Hi.", rawUsage: { prompt_tokens: -5, completion_tokens: -7.5 } },
    200,
    "Hi.",
    "stop",
  ],
  [
    "endless usage",
    { text: "Hi.", rawUsage: { prompt_tokens: 1e308, completion_tokens: [] } },
    200,
    "Hi.",
    "stop",
  ],
  ["usage that is none", { text: "Hi.", rawUsage: "a lot" }, 200, "Hi.", "stop"],
  ["a length", { text: "Hi", finish: "length" }, 200, "Hi", "length"],
  ["a filter", { text: "Hi", finish: "content_filter" }, 200, "Hi", "content_filter"],
  ["no content", {}, 200, "", "stop"],
  ["no choices", { text: "Hi.", ...EMPTY_CHOICES }, 502, null, ""],
];
const MAPPED = {
  id: "R-26",
  what: "usage missing or nonsense, no choices, `finish_reason: length`, content null, streamed and whole: the right answer or an error, every count a whole number",
  counts: { quick: 2, usual: 60, full: 500 },
};

fault(MAPPED, async (count) => {
  const failures: string[] = [];
  const cases = range(count * ANSWERS.length * 2);
  const caseOf = (n: number) => ANSWERS[n % ANSWERS.length] as (typeof ANSWERS)[0];
  const live = await startLive(({ rawBody }) => caseOf(numberOf(rawBody))[1], {
    yaml: "llm: { max_retries: 0 }",
  });
  await forEach(cases, 16, async (n) => {
    const [name, , status, content, finish] = caseOf(n);
    const stream = n < cases.length / 2;
    const messages = [{ role: "user", content: `#${n}#` }];
    const options = stream ? { stream, stream_options: { include_usage: true } } : {};
    const response = await send(live, "/v1/chat/completions", { messages, ...options });
    const found = await (stream ? fromStream(response) : fromBody(response));
    const isRight =
      status === 200
        ? (found.content ?? "") === content && found.finish === finish && areCounts(found.usage)
        : found.code === "upstream_malformed" || found.code === "upstream_truncated";
    if (!isRight) failures.push(`${name}, streamed ${stream}: ${JSON.stringify(found)}`);
  });
  return { n: cases.length, failures };
});

interface Found {
  content: string | null;
  finish: string | undefined;
  usage: Record<string, unknown> | undefined;
  code: string | undefined;
}

async function fromBody(response: Response): Promise<Found> {
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of it, it checks.
  const body = (await response.json()) as any;
  const choice = body.choices?.[0];
  const { content = null } = choice?.message ?? {};
  return { content, finish: choice?.finish_reason, usage: body.usage, code: body.error?.code };
}

async function fromStream(response: Response): Promise<Found> {
  const lines = (await response.text()).match(/^data: \{.*$/gm) ?? [];
  const chunks = lines.map((line) => JSON.parse(line.slice("data: ".length)));
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  return {
    content: choices.map(({ delta }) => delta.content ?? "").join(""),
    finish: choices.flatMap(({ finish_reason }) => finish_reason ?? []).at(-1),
    usage: chunks.findLast((chunk) => chunk.usage)?.usage,
    code: chunks.find((chunk) => chunk.error)?.error.code,
  };
}

/** Every number in it, however deep, is a count. */
function areCounts(usage: unknown): boolean {
  if (typeof usage === "number") return Number.isSafeInteger(usage) && usage >= 0;
  return typeof usage === "object" && usage !== null && Object.values(usage).every(areCounts);
}
