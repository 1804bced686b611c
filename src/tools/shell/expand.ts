import { expandBraces } from "../files/glob.ts";
import { decodeEscapes } from "./escapes.ts";
import { type Piece, parseShell, type Word } from "./parse.ts";

/** Enough for any path written by hand; more would let a short command cost much to judge. */
const MAX_BRACE_WORDS = 32;

/** A word after its expansion. */
export interface Field {
  text: string;
  /** Some of it is known only when the command runs; that part counts as empty. */
  computed: boolean;
}

/** Variables with a known value. */
export type Variables = ReadonlyMap<string, string>;

/** Expands words as far as the text tells: known variables, `$(echo …)`, braces, splitting at blanks. */
export function expandWords(words: readonly Word[], variables: Variables): Field[] {
  return words.flatMap((word) => expandWord(word, variables));
}

/** The text of a word that is not split, such as the target of a redirection. */
export function textOfWord(word: Word, variables: Variables): string {
  return word.map((piece) => valueOfPiece(piece, variables).text).join("");
}

/** What `echo` or `printf` with these arguments prints, as far as shells agree on it; else undefined. */
export function predictPrinted(program: string, args: readonly string[]): string | undefined {
  if (program === "echo") return decodeEscapes(args.filter((arg) => !/^-[neE]+$/.test(arg)).join(" "));
  if (program !== "printf") return undefined;
  const [format = "", ...values] = args[0] === "--" ? args.slice(1) : args;
  let used = 0;
  const first = decodeEscapes(format).replace(/%[-.0-9]{0,9}[a-zA-Z]/g, () => values[used++] ?? "");
  return [first, ...values.slice(used)].join(" ");
}

function expandWord(word: Word, variables: Variables): Field[] {
  const fields: Field[] = [];
  let open: Field | undefined;
  for (const piece of word) {
    const value = valueOfPiece(piece, variables);
    const isSplit = piece.kind !== "text" && !piece.quoted;
    const [first = "", ...others] = isSplit ? splitAt(value.text, variables.get("IFS")) : [value.text];
    open = { text: (open?.text ?? "") + first, computed: open?.computed === true || value.computed };
    for (const text of others) {
      fields.push(open);
      open = { text, computed: value.computed };
    }
  }
  if (open !== undefined) fields.push(open);
  const isQuoted = word.some((piece) => piece.quoted);
  const shown = fields.filter((field) => field.text !== "" || field.computed || isQuoted);
  return hasBraces(word) ? shown.flatMap(withBraces) : shown;
}

function valueOfPiece(piece: Piece, variables: Variables): Field {
  if (piece.kind === "text") return { text: piece.text, computed: false };
  if (piece.kind === "substitution") {
    if (piece.pipe !== undefined) return { text: "/dev/fd/63", computed: true };
    const text = printedBy(piece.script, variables);
    return { text: text ?? "", computed: text === undefined };
  }
  const known = piece.altered ? undefined : variables.get(piece.name);
  if (known !== undefined) return { text: known, computed: false };
  return { text: textOfWord(piece.fallback, variables), computed: true };
}

/** What a script prints when it is a single `echo` or `printf` of known words. */
function printedBy(script: string, variables: Variables): string | undefined {
  if (!/^\s*(echo|printf)\s/.test(script)) return undefined;
  const [command, ...others] = parseShell(script);
  if (command === undefined || others.length > 0) return undefined;
  if (command.words.flat().some((piece) => piece.kind === "substitution")) return undefined;
  const [program, ...args] = expandWords(command.words, variables).map((field) => field.text);
  return predictPrinted(program ?? "", args);
}

/** Splits at each run of the given characters. */
function splitAt(text: string, separators = " \t\n"): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (!separators.includes(text[at] ?? "")) continue;
    parts.push(text.slice(start, at));
    while (separators.includes(text[at + 1] ?? NO_SEPARATOR)) at++;
    start = at + 1;
  }
  return [...parts, text.slice(start)];
}

/** What a text that ends is followed by. */
const NO_SEPARATOR = "none";

function hasBraces(word: Word): boolean {
  return word.some((piece) => piece.kind === "text" && !piece.quoted && piece.text.includes("{"));
}

function withBraces({ text, computed }: Field): Field[] {
  return expandBraces(text, MAX_BRACE_WORDS).map((part) => ({ text: part, computed }));
}
