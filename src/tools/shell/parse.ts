import { Cursor } from "./cursor.ts";
import { decodeEscapes } from "./escapes.ts";

/** A part of a word, as it stands in the text. */
export type Piece =
  | { kind: "text"; text: string; quoted: boolean }
  /** `altered`: something is cut from the value or replaced in it, so knowing the variable does not help. */
  | { kind: "variable"; name: string; fallback: Word; altered: boolean; quoted: boolean }
  /** `$(…)` and backticks; with `pipe`, `<(…)` or `>(…)`: the word is then the name of a pipe from or to the script. */
  | { kind: "substitution"; script: string; pipe: "from" | "to" | undefined; quoted: boolean };

/** A word before its expansion. */
export type Word = Piece[];

/** `> file` and its relatives; here-documents are in {@link ShellCommand}'s input. */
export interface Redirect {
  operator: string;
  target: Word;
}

/** One simple command of a script. */
export interface ShellCommand {
  words: Word[];
  redirects: Redirect[];
  /** The text of its here-documents and here-strings. */
  input: Word[];
  /** The operator that ended it: `|`, `&&`, `;`, a line break, or nothing. */
  end: string;
}

interface Heredoc {
  end: string;
  quoted: boolean;
  tabs: boolean;
  command: ShellCommand;
}

const OPERATORS = ["&&", "||", ";;", "|&", "&", "|", ";", "(", ")", "\n"];
const REDIRECTS = ["&>>", "<<<", "<<-", "&>", ">>", ">|", ">&", "<>", "<&", "<<", ">", "<"];
const MAX_BRACE_DEPTH = 8;
const BLANK = /[ \t]/;
const BLANKS = /[ \t]*/y;
const DIGITS = /\d*/y;
const NAME = /\w*/y;
const PLAIN = /[^\s'"$`\\;&|()<>]+|./sy;
const SPECIAL_PARAMETER = /[@*#?$!0-9-]/;

/**
 * Splits a shell script into its simple commands, as a shell would read it. Control words (`if`, `do`, `{`) count as
 * words. Broken scripts are read as far as they go: what opens and does not close goes on to the end. Linear in the
 * script's length; the insides of substitutions stay text.
 */
export function parseShell(script: string): ShellCommand[] {
  return new Parser(script).run();
}

class Parser {
  readonly #cursor: Cursor;
  /** How many `${…}` this text lies in. */
  readonly #depth: number;
  readonly #commands: ShellCommand[] = [];
  #command: ShellCommand = emptyCommand();
  #heredocs: Heredoc[] = [];

  constructor(text: string, depth = 0) {
    this.#cursor = new Cursor(text);
    this.#depth = depth;
  }

  run(): ShellCommand[] {
    while (this.#cursor.peek() !== "") this.#step();
    this.#finish("");
    return this.#commands;
  }

  #step(): void {
    const cursor = this.#cursor;
    if (BLANK.test(cursor.peek())) cursor.at++;
    else if (cursor.startOf(["\\\n"]) !== undefined) cursor.at += 2;
    else if (cursor.peek() === "#") cursor.at = cursor.find("\n");
    else if (!(this.#redirect() || this.#operator())) this.#command.words.push(this.#word());
  }

  #operator(): boolean {
    const operator = this.#cursor.startOf(OPERATORS);
    if (operator === undefined) return false;
    this.#cursor.at += operator.length;
    this.#finish(operator);
    if (operator === "\n") {
      for (const heredoc of this.#heredocs) heredoc.command.input.push(this.#bodyOf(heredoc));
      this.#heredocs = [];
    }
    return true;
  }

  #finish(end: string): void {
    const { words, redirects, input } = this.#command;
    if (words.length + redirects.length + input.length === 0) return;
    this.#command.end = end;
    this.#commands.push(this.#command);
    this.#command = emptyCommand();
  }

  #redirect(): boolean {
    const cursor = this.#cursor;
    const start = cursor.at;
    const digits = cursor.take(DIGITS).length;
    const operator = cursor.startOf(REDIRECTS);
    // `<(` and `>(` begin a word.
    if (operator === undefined || cursor.peek(operator.length) === "(") {
      cursor.at = start;
      return false;
    }
    cursor.at = start + digits + operator.length;
    cursor.take(BLANKS);
    const target = this.#word();
    if (operator === "<<" || operator === "<<-") this.#announce(target, operator);
    else if (operator === "<<<") this.#command.input.push(target);
    else this.#command.redirects.push({ operator, target });
    return true;
  }

  #announce(target: Word, operator: string): void {
    const end = target.map((piece) => (piece.kind === "text" ? piece.text : "")).join("");
    const quoted = target.some((piece) => piece.quoted);
    this.#heredocs.push({ end, quoted, tabs: operator === "<<-", command: this.#command });
  }

  #bodyOf({ end, quoted, tabs }: Heredoc): Word {
    const cursor = this.#cursor;
    const start = cursor.at;
    let stop = start;
    while (cursor.peek() !== "") {
      const line = cursor.takeUntil("\n");
      if ((tabs ? line.replace(/^\t+/, "") : line) === end) break;
      stop = cursor.at;
    }
    const text = cursor.text.slice(start, stop);
    return quoted ? [{ kind: "text", text, quoted }] : new Parser(text, this.#depth).quoted("");
  }

  #word(): Word {
    const word: Word = [];
    while (this.#unquotedPiece(word));
    return word;
  }

  /** Adds what comes next to the word; false at the word's end. */
  #unquotedPiece(word: Word): boolean {
    const cursor = this.#cursor;
    const char = cursor.peek();
    if (char === "" || BLANK.test(char)) return false;
    if ((char === "<" || char === ">") && cursor.peek(1) === "(") {
      cursor.at += 2;
      const pipe = char === "<" ? "from" : "to";
      word.push({ kind: "substitution", script: cursor.takeBalanced(), pipe, quoted: false });
      return true;
    }
    if (char === "<" || char === ">" || cursor.startOf(OPERATORS) !== undefined) return false;
    if (char === "$" || char === "`") word.push(this.#dollar(false));
    else word.push(...this.#literal(char));
    return true;
  }

  #literal(char: string): Word {
    const cursor = this.#cursor;
    if (!/['"\\]/.test(char)) return [{ kind: "text", text: cursor.take(PLAIN), quoted: false }];
    cursor.at++;
    if (char === "'") return [{ kind: "text", text: cursor.takeUntil("'"), quoted: true }];
    if (char === '"') return [{ kind: "text", text: "", quoted: true }, ...this.quoted('"')];
    const next = cursor.peek();
    cursor.at++;
    return next === "\n" ? [] : [{ kind: "text", text: next, quoted: true }];
  }

  /** The inside of double quotes, or all of the text when `end` is empty. */
  quoted(end: string): Word {
    const cursor = this.#cursor;
    const word: Word = [];
    for (let char = cursor.peek(); char !== ""; char = cursor.peek()) {
      if (char === "$" || char === "`") {
        word.push(this.#dollar(true));
        continue;
      }
      if (char === end) {
        cursor.at++;
        break;
      }
      word.push({ kind: "text", text: this.#quotedText(end), quoted: true });
    }
    return word;
  }

  #quotedText(end: string): string {
    const cursor = this.#cursor;
    let text = "";
    for (let char = cursor.peek(); !["", "$", "`", end].includes(char); char = cursor.peek()) {
      const escaped = char === "\\" && /[$`"\\\n]/.test(cursor.peek(1));
      text += escaped ? cursor.peek(1) : char;
      cursor.at += escaped ? 2 : 1;
    }
    return text;
  }

  /** A `$…` or backticks. */
  #dollar(quoted: boolean): Piece {
    const cursor = this.#cursor;
    const backticks = cursor.peek() === "`";
    cursor.at++;
    if (backticks) {
      const script = cursor.takeUntilUnescaped("`").replace(/\\([`$\\])/g, "$1");
      return { kind: "substitution", script, pipe: undefined, quoted };
    }
    const next = cursor.peek();
    if (next === "(" || next === "{") cursor.at++;
    if (next === "(") return { kind: "substitution", script: cursor.takeBalanced(), pipe: undefined, quoted };
    if (next === "{") return this.#braced(cursor.takeUntil("}"), quoted);
    if (next === "'" && !quoted) {
      cursor.at++;
      return { kind: "text", text: decodeEscapes(cursor.takeUntilUnescaped("'")), quoted: true };
    }
    return this.#variable(next, quoted);
  }

  /** `${name}`, `${name:-fallback}` and the rest of the family. */
  #braced(body: string, quoted: boolean): Piece {
    const [, name = "", operator = "", rest = ""] = /^!?(\w+|[@*#?$!-])(:?[-=+?]?)(.*)$/s.exec(body) ?? [];
    const hasFallback = /[-=+?]/.test(operator) && this.#depth < MAX_BRACE_DEPTH;
    // `${name:?message}` ends the script rather than being empty.
    const text = operator.endsWith("?") ? "_" : rest;
    const fallback = hasFallback ? new Parser(text, this.#depth + 1).quoted("") : [];
    const altered = body.startsWith("!") || (!hasFallback && operator + rest !== "");
    return { kind: "variable", name, fallback, altered, quoted };
  }

  #variable(next: string, quoted: boolean): Piece {
    const cursor = this.#cursor;
    const special = SPECIAL_PARAMETER.test(next);
    if (special) cursor.at++;
    const name = special ? next : cursor.take(NAME);
    // `$"…"` is a quoted text; any other lone `$` is itself.
    if (name === "") return { kind: "text", text: next === '"' && !quoted ? "" : "$", quoted };
    return { kind: "variable", name, fallback: [], altered: false, quoted };
  }
}

function emptyCommand(): ShellCommand {
  return { words: [], redirects: [], input: [], end: "" };
}
