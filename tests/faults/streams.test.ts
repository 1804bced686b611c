import { badJson, insertEvent } from "../fake-upstream/edits.ts";
import { bodyBytes } from "../fake-upstream/plan.ts";
import type { Reply } from "../fake-upstream/script.ts";
import type { SseFormat } from "../fake-upstream/sse.ts";
import { type Live, send, startLive } from "../helpers/live-app.ts";
import { forEach, hear, numberOf, range } from "./answers.ts";
import { fault, randomFrom, SEED } from "./report.ts";

const PROTOCOLS = [
  { protocol: "chat-completions", wire: "chat" },
  { protocol: "anthropic-messages", wire: "messages" },
] as const;
const ONCE = "llm: { max_retries: 0 }";
const TEXT = range(64)
  .map((n) => ["tok", " ü", " 世", " 👋"][n % 4] + String(n))
  .join("");

for (const { protocol, wire } of PROTOCOLS) {
  const row = {
    id: "R-22",
    what: `a stream of 64 tokens over ${protocol}, cut (FIN and RST) at its bytes (in the full form at each): whole or an error, no clean end and no \`completed\` of a cut answer`,
    counts: { quick: 150, usual: 3_000, full: Number.POSITIVE_INFINITY },
  };
  fault(row, async (most) => {
    const failures: string[] = [];
    const answer = { text: TEXT, deltas: 5 };
    const { length } = bodyBytes(answer, { protocol: wire, n: 99_999 });
    const every = Math.max(1, Math.floor((length * 2) / most));
    const cuts = range(length * 2).filter((n) => n % every === 0);
    const live = await startLive(
      ({ rawBody }) => {
        const n = numberOf(rawBody);
        return { ...answer, [n < length ? "cut" : "reset"]: n % length };
      },
      { protocol, yaml: ONCE },
    );
    await forEach(cuts, 32, async (n) => {
      const { id, text, end, status } = await hear(live, { input: `#${n}#` });
      const kept = id === undefined ? end : await statusOf(live, id);
      const isWhole = end === "completed" && text === TEXT;
      // A status of its own is an error, too: nothing had been told by then.
      const isError = end === "failed" && TEXT.startsWith(text) && (status === 200 || status >= 500);
      if (!isWhole && !isError) failures.push(`${n}: ${end} ${text.length} characters`);
      if (kept !== end) failures.push(`${n}: stored as ${kept}`);
    });
    return { n: cuts.length, failures };
  });
}

async function statusOf(live: Live, id: string): Promise<string> {
  const response = await send(live, `/v1/responses/${id}`);
  return ((await response.json()) as { status: string }).status;
}

/** What a stream may look like, and what may be wrong with it. */
interface Generated {
  reply: Reply;
  text: string;
  isLegal: boolean;
}

const EOLS = [["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"], ["\r", "\r\n", "\n"]] as const;
const PIECES = [
  "a",
  "ü",
  "世",
  "👋",
  "e\u0301",
  "\\n",
  '"',
  "data: [DONE]",
  "\n\n",
  "\t",
  "  ",
  "\u2028",
  "\u0000",
  "</s>",
];
const LONG = "x".repeat(1_000_000);

/** A stream that a seed repeats. */
function generate(seed: number): Generated {
  const random = randomFrom(seed);
  const pick = <Entry>(entries: readonly Entry[]): Entry =>
    entries[Math.floor(random() * entries.length)] as Entry;
  const chance = (share: number) => random() < share;
  const text = chance(0.002)
    ? LONG
    : `#${range(1 + Math.floor(random() * 60))
        .map(() => pick(PIECES))
        .join("")}.`;
  const sse: SseFormat = { eol: pick(EOLS), bom: chance(0.2), comments: chance(0.3), space: chance(0.7) };
  const reply: Reply = {
    text,
    deltas: chance(0.1) ? "whole" : 1 + Math.floor(random() * 8),
    sse,
    split: pick(["events", "events", "events", "whole", "whole", "whole", 64, 64, 7, 7, 3, 1]),
    done: chance(0.8),
    ...(chance(0.2) && { headers: { "content-type": pick(["text/plain", "application/octet-stream"]) } }),
  };
  if (text === LONG) return { reply: { ...reply, split: "whole" }, text, isLegal: true };
  if (chance(0.7)) return { reply, text, isLegal: true };
  return { reply: { ...reply, ...damage(random) }, text, isLegal: false };
}

/** One thing that is wrong. */
function damage(random: () => number): Partial<Reply> {
  const at = 1 + Math.floor(random() * 10);
  const damages: Partial<Reply>[] = [
    { edits: [badJson(at)] },
    { edits: [insertEvent(at, { data: "not JSON" })] },
    { edits: [insertEvent(at, { data: "[]" })] },
    { edits: [insertEvent(at, { data: '{"choices":7}' })] },
    { end: { events: at } },
    { cut: Math.floor(random() * 500) },
    { sse: { finalNewline: false }, done: false },
  ];
  return damages[Math.floor(random() * damages.length)] as Partial<Reply>;
}

for (const { protocol } of PROTOCOLS) {
  const row = {
    id: "R-23",
    what: `generated streams over ${protocol}: line ends, BOM, comments, pieces, split UTF-8, a megabyte in one line, wrong content types, bad JSON, no end mark: the right text, or an error where something was wrong`,
    counts: { quick: 80, usual: 1_500, full: 10_000 },
  };
  fault(row, async (count) => {
    const failures: string[] = [];
    const live = await startLive(({ rawBody }) => generate(SEED + numberOf(rawBody)).reply, {
      protocol,
      yaml: ONCE,
    });
    await forEach(range(count), 24, async (n) => {
      const { reply, text: expected, isLegal } = generate(SEED + n);
      const { text, end } = await hear(live, { input: `#${n}#`, store: false });
      const isRight = end === "completed" && text === expected;
      const isError = !isLegal && end === "failed" && expected.startsWith(text);
      if (!isRight && !isError)
        failures.push(
          `seed ${SEED + n}: ${end} ${JSON.stringify(text.slice(0, 200))} ${JSON.stringify(reply).slice(0, 400)}`,
        );
    });
    const { status } = await send(live, "/health");
    if (status !== 200) failures.push(`health answers ${status}`);
    return { failures };
  });
}
