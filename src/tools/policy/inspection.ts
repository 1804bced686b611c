import { expandWords, type Field, textOfWord, type Variables } from "../shell/expand.ts";
import { parseShell, type Redirect, type ShellCommand, type Word } from "../shell/parse.ts";
import { findScripts, type Invocation, predictOutput, programName, startedBy } from "./invocation.ts";
import type { Places, PolicyContext } from "./places.ts";
import { DENIED, type RuleId } from "./reasons.ts";
import { applies, RULES, TEXT_RULES } from "./rules.ts";
import { describeSubject, type Files, type Subject, type Surroundings } from "./subject.ts";
import { scriptInVariable } from "./told-programs.ts";

/** Scripts in scripts, and programs that start programs, are looked through so many times. */
const MAX_DEPTH = 8;
/** More, or longer ones, would let a short command stand for an endless one. */
const MAX_VARIABLES = 100;
const MAX_VALUE_CHARS = 256;

const CONTROL_WORD = /^(if|then|else|elif|do|while|until|!|\{|\})$/;
const DECLARATION = /^(export|declare|local|readonly|typeset)$/;
const ASSIGNMENT = /^([A-Za-z_]\w*)(\+?)=(.*)$/s;
const WRITING_REDIRECT = /^(&?>>?|>\||<>|>&)$/;

/** What an inspection goes by. */
export interface Guide {
  context: PolicyContext;
  places: Places;
  /** Gets the names of the rules that apply. */
  found: Set<RuleId>;
  effort: Effort;
}

/** What may be spent on one judgement, in characters that rules look at: others wait meanwhile. */
export const MAX_EFFORT = 300_000;
/** What a command costs whatever its length, an argument, and a command that only sets variables. */
const EFFORT_OF_COMMAND = 300;
const EFFORT_OF_ARGUMENT = 40;
const EFFORT_OF_ASSIGNMENT = 20;

/** How much was spent on a judgement. */
export class Effort {
  spent = 0;

  /** Spends some before it is used. False: there is none left. */
  spend(amount: number): boolean {
    this.spent = Math.min(this.spent + amount, MAX_EFFORT + 1);
    return !this.isOver;
  }

  get isOver(): boolean {
    return this.spent > MAX_EFFORT;
  }
}

/** Where in a script, and in which script of a script, an inspection stands. */
interface Position {
  cwd: string;
  variables: Map<string, string>;
  depth: number;
}

type Substitution = Extract<Word[number], { kind: "substitution" }>;
type Pipe = Pick<Invocation, "isPiped" | "input">;

const NO_PIPE: Pipe = { isPiped: false, input: undefined };
const UNKNOWN_PIPE: Pipe = { isPiped: true, input: undefined };
const NO_FILES: Files = { reads: [], writes: [] };
const NOTHING: Invocation = { program: "", args: [], isComputed: false, hasComputedArgs: false, ...NO_PIPE };

/** Judges the files that a tool itself writes. */
export function inspectWrites(guide: Guide, paths: readonly string[]): void {
  new Inspection(guide, startPosition(guide.context)).judge(NOTHING, { reads: [], writes: [...paths] });
}

/** Reads a script as a shell would, and collects the rules that apply to what it would start. */
export function inspectScript(guide: Guide, script: string): void {
  new Inspection(guide, startPosition(guide.context)).script(script);
}

class Inspection {
  readonly #guide: Guide;
  readonly #at: Position;
  /** What the command that is being judged sets for its program: `NAME=value`. */
  #set: string[] = [];

  constructor(guide: Guide, at: Position) {
    this.#guide = guide;
    this.#at = at;
  }

  script(text: string, input: Pipe = NO_PIPE): void {
    const { found, places, effort } = this.#guide;
    if (this.#at.depth > MAX_DEPTH) {
      found.add("nested");
      return;
    }
    if (!effort.spend(text.length)) return;
    for (const { id, pattern } of TEXT_RULES) if (pattern.test(text)) found.add(id);
    if (places.mentionsProtected(text)) found.add("protected");
    let pipe = input;
    for (const command of parseShell(text)) {
      if (!effort.spend(estimateEffort(command))) return;
      const output = this.#command(command, pipe);
      pipe = command.end === "|" || command.end === "|&" ? { isPiped: true, input: output } : NO_PIPE;
    }
  }

  /** Judges a program, then what it runs in its turn. */
  judge(invocation: Invocation, files: Files, layer = 0): void {
    const { found, effort } = this.#guide;
    const words = [...invocation.args, ...files.reads, ...files.writes];
    if (!effort.spend(words.reduce((sum, word) => sum + EFFORT_OF_ARGUMENT + word.length, EFFORT_OF_COMMAND)))
      return;
    const subject = describeSubject(invocation, files, this.#surroundings());
    const ids = RULES.filter((rule) => applies(rule, subject)).map(({ id }) => id);
    for (const id of ids) found.add(id);
    for (const script of findScripts(invocation)) this.#inner(this.#guide).script(script);
    if (ids.includes("inline-code") || ids.includes("input-code")) this.#literals(subject);
    const inner = startedBy(invocation);
    if (layer === MAX_DEPTH && inner.length > 0) found.add("nested");
    else for (const next of inner) this.judge(next, NO_FILES, layer + 1);
  }

  /** Judges one command, and tells what it passes down its pipe. */
  #command(command: ShellCommand, pipe: Pipe): string | undefined {
    const { variables } = this.#at;
    const { words, redirects, input } = command;
    const targets = redirects.map(({ target }) => target);
    for (const { script, pipe: end } of substitutionsIn([...words, ...targets, ...input].flat())) {
      this.#inner(this.#guide).script(script, end === "to" ? UNKNOWN_PIPE : NO_PIPE);
    }
    this.#set = [];
    const fields = this.#assign(withoutControlWords(expandWords(words, variables)));
    // Nothing is started, and nothing is written.
    if (fields.length + redirects.length + input.length === 0) return undefined;
    const text = input.map((word) => textOfWord(word, variables)).join("\n");
    const source = redirects.some(isFromPipe) ? UNKNOWN_PIPE : pipe;
    const invocation = toInvocation(fields, input.length > 0 ? { ...pipe, input: text } : source);
    this.judge(invocation, resolveRedirects(redirects, variables));
    this.#changeDirectory(invocation);
    return predictOutput(invocation);
  }

  /** Strings in a program's text may be commands; only what is never allowed counts, for most are not. */
  #literals({ args, input }: Subject): void {
    const found = new Set<RuleId>();
    for (const text of [...args, input]) {
      const literals = text.split(/["'`]/).filter((_, index) => index % 2 === 1);
      for (const literal of literals) this.#inner({ ...this.#guide, found }).script(literal);
    }
    for (const id of found) if (Object.hasOwn(DENIED, id)) this.#guide.found.add(id);
  }

  #surroundings(): Surroundings {
    const { places, context } = this.#guide;
    return { places, cwd: this.#at.cwd, variables: this.#set, pid: context.pid };
  }

  /** An inspection of a script that begins here; what it changes stays in it. */
  #inner(guide: Guide): Inspection {
    const { cwd, variables, depth } = this.#at;
    return new Inspection(guide, { cwd, variables: new Map(variables), depth: depth + 1 });
  }

  /** Takes note of the assignments in front of a command, of declarations and loops; returns the command. */
  #assign(fields: Field[]): Field[] {
    const end = fields.findIndex(({ text }) => !ASSIGNMENT.test(text));
    const command = end < 0 ? [] : fields.slice(end);
    const before = end < 0 ? fields : fields.slice(0, end);
    const declared = DECLARATION.test(command[0]?.text ?? "") ? command.slice(1) : [];
    const given =
      command[0]?.text === "env" ? command.slice(1).filter(({ text }) => ASSIGNMENT.test(text)) : [];
    this.#set = [...before, ...declared, ...given].map(({ text }) => text);
    for (const script of this.#set.flatMap(scriptInVariable)) this.#inner(this.#guide).script(script);
    for (const field of [...before, ...declared]) this.#assignOne(field);
    const [first, name, second, ...values] = command;
    if (first?.text === "for" && name !== undefined && second?.text === "in") {
      const computed = values.some((value) => value.computed);
      this.#assignOne({ text: `${name.text}=${values.map(({ text }) => text).join(" ")}`, computed });
    }
    return command;
  }

  #assignOne({ text, computed }: Field): void {
    const { variables } = this.#at;
    const [, name, append, value = ""] = ASSIGNMENT.exec(text) ?? [];
    if (name === undefined) return;
    const whole = append === "+" ? (variables.get(name) ?? "") + value : value;
    const isKept = !computed && whole.length <= MAX_VALUE_CHARS && variables.size < MAX_VARIABLES;
    if (isKept) variables.set(name, whole);
    else variables.delete(name);
  }

  #changeDirectory({ program, args }: Invocation): void {
    if (program !== "cd" && program !== "pushd") return;
    const target = args.find((arg) => !arg.startsWith("-")) ?? "~";
    this.#at.cwd = this.#guide.places.resolve(target, this.#at.cwd);
    this.#at.variables.set("PWD", this.#at.cwd);
  }
}

function startPosition({ home, hermesHome, workspaceRoot, pid }: PolicyContext): Position {
  const variables = new Map([
    ["HOME", home],
    ["HERMES_HOME", hermesHome],
    ["PWD", workspaceRoot],
    ["IFS", " \t\n"],
    // The shell's parent is the server.
    ["PPID", String(pid)],
    // Numbers of the shell's own doing.
    ...["!", "?", "$", "#"].map((name): [string, string] => [name, `$${name}`]),
  ]);
  return { cwd: workspaceRoot, variables, depth: 0 };
}

function toInvocation([first, ...others]: Field[], pipe: Pipe): Invocation {
  if (first === undefined) return { ...NOTHING, ...pipe };
  return {
    program: programName(first.text),
    args: others.map(({ text }) => text),
    isComputed: first.computed || /[*?]|\[[^[]/.test(first.text),
    hasComputedArgs: others.some(({ computed }) => computed),
    ...pipe,
  };
}

function withoutControlWords(fields: Field[]): Field[] {
  if (fields[0]?.text === "function") return withoutControlWords(fields.slice(2));
  const start = fields.findIndex(({ text }) => !CONTROL_WORD.test(text));
  return start < 0 ? [] : fields.slice(start);
}

function resolveRedirects(redirects: readonly Redirect[], variables: Variables): Files {
  const files = redirects
    .map(({ operator, target }) => ({ operator, path: textOfWord(target, variables) }))
    .filter(({ path }) => !/^(\d+|-)$/.test(path));
  const written = files.filter(({ operator }) => WRITING_REDIRECT.test(operator));
  return { reads: files.map(({ path }) => path), writes: written.map(({ path }) => path) };
}

/** All substitutions in a word, also those in its `${…}`. */
function substitutionsIn(word: Word): Substitution[] {
  return word.flatMap((piece) => {
    if (piece.kind === "substitution") return [piece];
    return piece.kind === "variable" ? substitutionsIn(piece.fallback) : [];
  });
}

/** `< <(…)` */
function isFromPipe({ operator, target }: Redirect): boolean {
  return operator === "<" && substitutionsIn(target).some(({ pipe }) => pipe === "from");
}

/** Before it is expanded: a short variable may stand for a long value. */
function estimateEffort({ words, redirects, input }: ShellCommand): number {
  const pieces = [...words, ...redirects.map(({ target }) => target), ...input].flat();
  return EFFORT_OF_ASSIGNMENT + pieces.filter(({ kind }) => kind === "variable").length * MAX_VALUE_CHARS;
}
