import type { Reply } from "../fake-upstream/script.ts";
import { type Live, startLive } from "../helpers/live-app.ts";
import { forEach, hear, numberOf, range } from "./answers.ts";
import { FORM, fault, percentile } from "./report.ts";

const PROTOCOLS = ["chat-completions", "anthropic-messages"] as const;
const GOOD: Reply = { text: "Now it works." };

const WARM_UP = 1_000_000;
const WAITS = {
  id: "R-20",
  what: "429 with `Retry-After` in seconds and as a date, then success: asked again when told, ±10 %, once",
  counts: { quick: 4, usual: 40, full: 200 },
  limit: { of: "beside the time told, max", most: 10, unit: "%" },
};

fault(WAITS, async (count) => {
  const failures: string[] = [];
  const asked = new Map<number, { at: number; dueMs: number }>();
  const off: number[] = [];
  const live = await startLive(({ rawBody }) => {
    const n = numberOf(rawBody);
    const before = asked.get(n);
    if (n === WARM_UP) return GOOD;
    if (before !== undefined) {
      off.push(Math.abs(Date.now() - before.at - before.dueMs) / before.dueMs);
      return GOOD;
    }
    const at = Date.now();
    // A date has whole seconds.
    const date = new Date(Math.ceil(at / 1_000) * 1_000 + 2_000);
    const isDate = n % 2 === 1;
    asked.set(n, { at, dueMs: isDate ? date.getTime() - at : 1_000 });
    return { status: 429, headers: { "retry-after": isDate ? date.toUTCString() : "1" } };
  });
  // The first request of all loads code.
  await hear(live, { input: `#${WARM_UP}#` });
  await forEach(range(count), 20, async (n) => {
    const { end, text } = await hear(live, { input: `#${n}#` });
    if (end !== "completed" || text !== "Now it works.") failures.push(`${n}: ${end} ${text}`);
  });
  if (off.length !== count) failures.push(`${off.length} of ${count} were asked again`);
  return { failures, figure: Math.max(...off) * 100 };
});

const GIVEN_UP = {
  id: "R-20",
  what: "429 for ever: given up after the retries that are set, and passed on with its `Retry-After`",
  counts: { quick: 10, usual: 100, full: 1_000 },
};

fault(GIVEN_UP, async (count) => {
  const failures: string[] = [];
  const live = await startLive(() => ({ status: 429, headers: { "retry-after": "0" } }), {
    yaml: "llm: { max_retries: 2 }",
  });
  await forEach(range(count), 16, async (n) => {
    const { status, retryAfter, code } = await hear(live, { input: `#${n}#`, stream: false });
    if (status !== 429 || retryAfter === null || code !== "upstream_rate_limited")
      failures.push(`${n}: ${status} ${retryAfter} ${code}`);
  });
  const { requests } = live.upstream.counts;
  if (requests !== count * 3) failures.push(`${requests} requests for ${count}`);
  return { failures };
});

/** What happens before and after the first token; `code`: what the client is told. */
const FAULTS: { name: string; reply: Reply; late: Reply; code: RegExp }[] = [500, 502, 503, 504].map(
  (status) => ({
    name: String(status),
    reply: { status, headers: { "retry-after": "0" } },
    late: { text: "One two three", cut: { events: 4 } },
    code: /^upstream_(error|overloaded|timeout|unavailable)$/,
  }),
);

for (const protocol of PROTOCOLS) {
  const row = {
    id: "R-21",
    what: `500, 502, 503, 504 before the first byte, and a cut after a token, over ${protocol}: tried again only before, an error in the end`,
    counts: { quick: 2, usual: 25, full: 250 },
  };
  fault(row, async (count) => {
    const failures: string[] = [];
    const seen = new Map<number, number>();
    const cases = range(count * FAULTS.length * 3);
    const caseOf = (n: number) => ({ ...(FAULTS[n % FAULTS.length] as (typeof FAULTS)[0]), kind: n % 3 });
    const live = await startLive(
      ({ rawBody }) => {
        const n = numberOf(rawBody);
        const times = (seen.get(n) ?? 0) + 1;
        seen.set(n, times);
        const { reply, late, kind } = caseOf(n);
        // Once, for ever, or too late to be tried again.
        return kind === 0 ? (times === 1 ? reply : GOOD) : kind === 1 ? reply : late;
      },
      { protocol, yaml: "llm: { max_retries: 2 }" },
    );
    await forEach(cases, 32, async (n) => {
      const { kind, code: expected, name } = caseOf(n);
      const { end, text, code } = await hear(live, { input: `#${n}#` });
      const times = seen.get(n);
      const isRight = [
        () => end === "completed" && text === "Now it works." && times === 2,
        () => end === "failed" && expected.test(code ?? "") && text === "" && times === 3,
        () => end === "failed" && code === "upstream_truncated" && times === 1,
      ][kind]?.();
      if (!isRight) failures.push(`${name} ${kind}: ${end} ${code} "${text}" after ${times}`);
    });
    return { n: cases.length, failures };
  });
}

const UNREACHABLE = {
  id: "R-21",
  what: "a refused connection, a name that nobody has, TLS where there is none: an error object, no hang",
  counts: { quick: 2, usual: 20, full: 100 },
};

fault(UNREACHABLE, async (count) => {
  const failures: string[] = [];
  const yaml = "llm: { max_retries: 1 }";
  const plain = await startLive([GOOD], { yaml });
  const closed = await startLive([], { yaml });
  await closed.upstream.close();
  // Too long for a label, so that no name server is asked.
  const nameless = `http://${"x".repeat(64)}.invalid/v1`;
  const lives: [string, Live][] = [
    ["refused", closed],
    ["name", await startLive([], { yaml, env: { LLM_BASE_URL: nameless } })],
    [
      "TLS",
      await startLive([], { yaml, env: { LLM_BASE_URL: plain.upstream.origin.replace("http:", "https:") } }),
    ],
  ];
  const cases = lives.flatMap((entry) => range(count).map(() => entry));
  await forEach(cases, 16, async ([name, live]) => {
    const { status, code } = await hear(live, { input: "Hello?", stream: false });
    if (status !== 502 || code !== "upstream_unreachable") failures.push(`${name}: ${status} ${code}`);
  });
  return { n: cases.length, failures };
});

const IDLE_MS = 2_000;
const KEEPALIVE_MS = 500;
/** `drip`: slow, but never silent. */
const SILENCES: Record<string, Reply> = {
  "before the headers": { text: "One two", stall: "before-headers" },
  "before the first token": { text: "One two", stall: { events: 1 } },
  "after a token": { text: "One two", stall: { events: 2 } },
};
const STALLS = {
  id: "R-24",
  what: `an upstream that falls silent before its headers, before its first token and after it: given up at the idle timeout (set to ${IDLE_MS / 1_000} s), its socket closed, an error told, a comment every ${KEEPALIVE_MS / 1_000} s until then`,
  counts: { quick: 9, usual: 90, full: 600 },
  limit: { of: "beside the time set, max", most: 1_000, unit: "ms" },
};

fault(STALLS, async (count) => {
  const failures: string[] = [];
  const off: number[] = [];
  const names = Object.keys(SILENCES);
  const live = await startLive(({ rawBody }) => SILENCES[names[numberOf(rawBody) % names.length] ?? ""], {
    yaml: `
llm: { max_retries: 0, idle_timeout_seconds: ${IDLE_MS / 1_000}, timeout_seconds: ${IDLE_MS / 1_000} }
gateway: { api_server: { keepalive_seconds: ${KEEPALIVE_MS / 1_000} } }`,
  });
  await forEach(range(count), 30, async (n) => {
    const began = performance.now();
    const { end, code, comments } = await hear(live, { input: `#${n}#` });
    off.push(Math.abs(performance.now() - began - IDLE_MS));
    if (end !== "failed" || code !== "upstream_timeout") failures.push(`${n}: ${end} ${code}`);
    if (comments < IDLE_MS / KEEPALIVE_MS - 1) failures.push(`${n}: ${comments} comments`);
  });
  await live.upstream.idle().catch((error: unknown) => failures.push(String(error)));
  return { failures, figure: percentile(off, 1) };
});

const DRIP = {
  id: "R-24",
  what: "an upstream that sends a byte now and then, each within the idle timeout: heard to its end",
  counts: { quick: 4, usual: 20, full: 60 },
};

fault(DRIP, async (count) => {
  const failures: string[] = [];
  // A byte per second takes minutes: it is done so in the full form only.
  const [everyMs, idle] = FORM === "full" ? [1_000, 2] : [10, 0.5];
  const text = "Slow, but there.";
  const live = await startLive(() => ({ text, deltas: "whole", usage: null, drip: { everyMs } }), {
    yaml: `llm: { max_retries: 0, idle_timeout_seconds: ${idle} }`,
  });
  await forEach(range(count), 60, async (n) => {
    const heard = await hear(live, { input: `#${n}#` });
    if (heard.end !== "completed" || heard.text !== text) failures.push(`${n}: ${heard.end} ${heard.text}`);
  });
  return { failures };
});
