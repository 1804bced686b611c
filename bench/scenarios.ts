/**
 * What a turn asks for. The scenario is written into the user's text, because that is the one thing every target passes
 * on unchanged: the upstream reads it there, whatever the target adds around it.
 */
export type Scenario =
  /** 16 tokens, at once. */
  | { kind: "plain" }
  /** The first token at once, the other 15 a moment later: what a first token costs, alone. */
  | { kind: "first" }
  /** A call of the server's own tool; 16 tokens once its result is there. */
  | { kind: "tool" }
  /** One token every `everyMs`. */
  | { kind: "paced"; tokens: number; everyMs: number }
  /** As fast as the reader takes them, some per write. */
  | { kind: "blast"; tokens: number }
  /** The first token, then silence until the reader goes. */
  | { kind: "held" }
  /** The plain turn as a stored response, which may go on from an earlier one. */
  | { kind: "response"; previous?: string }
  /** A finished response's stream, read again. */
  | { kind: "replay"; id: string; tokens: number }
  /** A finished run's events after one of them. */
  | { kind: "resume"; id: string; after: number; tokens: number };

/** Every token has this many characters, so that text can be counted whichever way a target cuts it into chunks. */
export const TOKEN_CHARS = 5;

const WORDS = " each word here will have four more from this list then stop once read they part";
/** The 16 tokens of a plain answer; longer answers repeat them. */
export const TOKENS: readonly string[] = WORDS.match(/ \w{4}/g) ?? [];
export const PLAIN_TEXT = TOKENS.join("");

/** The file that the one-tool turn reads; its text must reach the upstream, else the turn is counted as an error. */
export const TOOL_FILE = "bench.txt";
export const TOOL_FILE_TEXT = "The file of the one-tool turn.";

const MARK = "bench:";
/** The mark as bytes, for finding it in a request's body. */
export const MARK_BYTES: Buffer = Buffer.from(MARK);

/** The scenario as it stands in a text. */
export function toMark(scenario: Scenario): string {
  if (scenario.kind === "paced") return `${MARK}paced:${scenario.tokens}:${scenario.everyMs}`;
  if (scenario.kind === "blast") return `${MARK}blast:${scenario.tokens}`;
  return MARK + scenario.kind;
}

/** Reads a scenario from text that starts with the mark; anything unknown is a plain turn. */
export function fromMark(text: string): Scenario {
  const [kind, first = "", second = ""] = (/^bench:([\w:]+)/.exec(text)?.[1] ?? "").split(":");
  if (kind === "paced") return { kind, tokens: Number(first), everyMs: Number(second) };
  if (kind === "blast") return { kind, tokens: Number(first) };
  if (kind === "first" || kind === "tool" || kind === "held") return { kind };
  return { kind: "plain" };
}

/** How many tokens the answer has; a held answer has one and no end. */
export function tokensOf(scenario: Scenario): number {
  if (scenario.kind === "held") return 1;
  return "tokens" in scenario ? scenario.tokens : TOKENS.length;
}

/** Method and path of a turn. */
export function requestTarget(scenario: Scenario): { method: "GET" | "POST"; path: string } {
  if (scenario.kind === "response") return { method: "POST", path: "/v1/responses" };
  if (scenario.kind === "replay") return { method: "GET", path: `/v1/responses/${scenario.id}?stream=true` };
  if (scenario.kind === "resume")
    return { method: "GET", path: `/v1/runs/${scenario.id}/events?after=${scenario.after}` };
  return { method: "POST", path: "/v1/chat/completions" };
}

/** A small chat with a past, as a client would send it; of a response its new part, of a replay nothing. */
export function requestBody(scenario: Scenario, stream: boolean): string {
  if (scenario.kind === "replay" || scenario.kind === "resume") return "";
  if (scenario.kind === "response") {
    const input = `Then do that now, please, and say it in sixteen words. ${toMark(scenario)}`;
    return JSON.stringify({ model: "bench", input, previous_response_id: scenario.previous });
  }
  const messages = [
    { role: "user", content: "What is the quickest way to see whether the build is green?" },
    { role: "assistant", content: "Ask for the state of the last run: it names the first step that failed." },
    { role: "user", content: `Then do that now, please, and say it in sixteen words. ${toMark(scenario)}` },
  ];
  return JSON.stringify({ model: "bench", messages, ...(stream ? { stream: true } : {}) });
}

/** The body of a run in the background. */
export function runBody(scenario: Scenario): string {
  return JSON.stringify({ input: `Do that now, please. ${toMark(scenario)}` });
}
