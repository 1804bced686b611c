import { PLAIN_TEXT, type Scenario, TOKEN_CHARS } from "../scenarios.ts";

/** Reads one answer; made once per connection and used again for each turn. */
export interface AnswerReader {
  begin(): void;
  text(piece: string): void;
  /** At the end: what is wrong with the answer, undefined when it is whole. */
  fault(): string | undefined;
  /** Tokens of text since `begin`. */
  tokens(): number;
}

interface JsonAnswer {
  choices?: { message?: { content?: unknown }; finish_reason?: unknown }[];
  /** Of a response. */
  status?: unknown;
  output?: { content?: { text?: unknown }[] }[];
}

function isWhole({ choices, status, output }: JsonAnswer): boolean {
  if (output !== undefined) return status === "completed" && output[0]?.content?.[0]?.text === PLAIN_TEXT;
  return choices?.[0]?.message?.content === PLAIN_TEXT && choices[0].finish_reason === "stop";
}

/** A JSON answer must parse and carry the whole text. */
export class JsonReader implements AnswerReader {
  #text = "";

  begin(): void {
    this.#text = "";
  }

  text(piece: string): void {
    this.#text = this.#text === "" ? piece : this.#text + piece;
  }

  tokens(): number {
    return PLAIN_TEXT.length / TOKEN_CHARS;
  }

  fault(): string | undefined {
    try {
      if (isWhole(JSON.parse(this.#text))) return undefined;
    } catch {
      // Told below, with the text.
    }
    return `unexpected answer: ${this.#text.slice(0, 200)}`;
  }
}

/** What stands before each piece of text in a stream, and what says that it ended well. */
export interface Marks {
  text: string;
  finished: string;
  done: string;
}

const DONE = "data: [DONE]\n";
const CHAT_MARKS: Marks = { text: '"content":"', finished: '"finish_reason":"stop"', done: DONE };
const RESPONSE_MARKS: Marks = { text: '"delta":"', finished: '"type":"response.completed"', done: DONE };
const RUN_MARKS: Marks = {
  text: '"delta":"',
  finished: '"event":"run.completed"',
  done: ": stream closed\n",
};

export function marksOf(scenario: Scenario): Marks {
  if (scenario.kind === "resume") return RUN_MARKS;
  return scenario.kind === "replay" ? RESPONSE_MARKS : CHAT_MARKS;
}

/**
 * A streamed answer is searched, not parsed: the search costs the generator a tenth of what a parser costs the target,
 * and `probe` has read one answer of each kind in full before. Text is counted in characters, so a target may cut it
 * into chunks as it likes; the finish reason and [DONE] must come after it.
 */
export class StreamReader implements AnswerReader {
  readonly #expectedChars: number;
  readonly #marks: Marks;
  #chars = 0;
  #tail = "";
  #finished = false;
  #done = false;

  constructor(expectedTokens: number, marks: Marks) {
    this.#marks = marks;
    this.#expectedChars = expectedTokens * TOKEN_CHARS;
  }

  begin(): void {
    this.#chars = 0;
    this.#tail = "";
    this.#finished = false;
    this.#done = false;
  }

  text(piece: string): void {
    const text = this.#tail === "" ? piece : this.#tail + piece;
    const end = text.lastIndexOf("\n") + 1;
    this.#tail = end === text.length ? "" : text.slice(end);
    let at = 0;
    const { text: mark, finished, done } = this.#marks;
    for (let found = text.indexOf(mark); found !== -1 && found < end; found = text.indexOf(mark, at)) {
      const start = found + mark.length;
      at = text.indexOf('"', start);
      this.#chars += at - start;
    }
    if (this.#chars < this.#expectedChars) return;
    if (!this.#finished) this.#finished = text.includes(finished, at);
    if (!this.#done) this.#done = text.includes(done, at);
  }

  tokens(): number {
    return this.#chars / TOKEN_CHARS;
  }

  fault(): string | undefined {
    if (this.#chars !== this.#expectedChars) return `${this.#chars} of ${this.#expectedChars} characters`;
    if (!this.#finished) return "no finish_reason";
    if (!this.#done) return "no [DONE]";
    return undefined;
  }
}
