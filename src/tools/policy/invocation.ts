import { predictPrinted } from "../shell/expand.ts";
import { listsNames, scriptsInOptions, scriptsOfGit, scriptsOfSsh } from "./told-programs.ts";

/** One program with its arguments, as it would be started. */
export interface Invocation {
  /** The program's name without its directory, in lower case. */
  program: string;
  args: string[];
  /** The program is known only when the command runs. */
  isComputed: boolean;
  /** Some argument is known only when the command runs. */
  hasComputedArgs: boolean;
  /** Its standard input is a pipe. */
  isPiped: boolean;
  /** What it reads from its standard input, where the text tells. */
  input: string | undefined;
}

/** How a program that starts another one takes its arguments. */
interface Wrapper {
  /** Letters of options that take a value. */
  valued: string;
  /** Arguments before the program. */
  operands: number;
}

const PARALLEL: Wrapper = { valued: "IJLNSajn", operands: 0 };

const WRAPPERS: Record<string, Wrapper> = {
  parallel: PARALLEL,
  sudo: { valued: "CDghpRrTtUu", operands: 0 },
  doas: { valued: "Cu", operands: 0 },
  env: { valued: "CSu", operands: 0 },
  nohup: { valued: "", operands: 0 },
  setsid: { valued: "", operands: 0 },
  command: { valued: "", operands: 0 },
  builtin: { valued: "", operands: 0 },
  exec: { valued: "a", operands: 0 },
  time: { valued: "fo", operands: 0 },
  nice: { valued: "n", operands: 0 },
  ionice: { valued: "cnpPu", operands: 0 },
  timeout: { valued: "ks", operands: 1 },
  stdbuf: { valued: "eio", operands: 0 },
  xargs: { valued: "adEILnPs", operands: 0 },
  busybox: { valued: "", operands: 0 },
  toybox: { valued: "", operands: 0 },
  chroot: { valued: "", operands: 1 },
  unshare: { valued: "", operands: 0 },
  nsenter: { valued: "tSG", operands: 0 },
  flock: { valued: "Ew", operands: 1 },
  watch: { valued: "nq", operands: 0 },
  setpriv: { valued: "", operands: 0 },
  "systemd-run": { valued: "EHMptu", operands: 0 },
  strace: { valued: "aeEoPpsSuX", operands: 0 },
  taskset: { valued: "", operands: 1 },
  coproc: { valued: "", operands: 0 },
  unbuffer: { valued: "", operands: 0 },
};
const LONG_WITH_VALUE =
  /^--(user|group|host|prompt|chdir|unset|signal|kill-after|adjustment|class|arg-file|reuid|regid|groups|uid|gid|unit|property|delimiter|max-\w+|replace|interval)$/;
const ASSIGNMENT = /^[A-Za-z_]\w*\+?=/;

const SHELL = /^r?(ba|da|z|k|mk|a|fi|c|tc)?sh$/;
const INTERPRETER = /^(python|pypy|node|nodejs|bun|deno|perl|ruby|php|lua|tclsh|rscript|osascript)[\d.]*$/;
/** Whether the program runs shell text. */
export function isShell(program: string): boolean {
  return SHELL.test(program);
}

/** The options before the first argument that is none; the value of an option counts as one. */
export function leadingOptions(args: readonly string[]): string[] {
  const isOption = (arg: string | undefined): boolean => arg !== undefined && /^(-.|\+[a-zA-Z])/.test(arg);
  const end = args.findIndex((arg, index) => !isOption(arg) && !isOption(args[index - 1]));
  return args.slice(0, end < 0 ? args.length : end);
}

/** Whether it is a shell or an interpreter that runs what its standard input, or a pipe given as a file, brings. */
export function runsInput({ program, args, isPiped, input }: Invocation): boolean {
  if (!isShell(program) && !INTERPRETER.test(program) && program !== "source" && program !== ".")
    return false;
  if (args.some((arg) => /^\/dev\/(fd\/|stdin)/.test(arg))) return true;
  if (!isPiped && input === undefined) return false;
  return args.includes("-") || args.includes("-s") || args.every((arg) => /^-(?![mcerp-])/.test(arg));
}

/** The programs that an invocation starts in its turn: behind `sudo` and its like, `xargs`, `find -exec`. */
export function startedBy(invocation: Invocation): Invocation[] {
  return argumentsPassedOn(invocation)
    .filter((argv) => argv.length > 0)
    .map(([program = "", ...args]) => ({
      ...invocation,
      program: programName(program),
      args,
      isComputed: program === "",
    }));
}

function argumentsPassedOn({ program, args, isComputed, input }: Invocation): string[][] {
  if (program === "find" || program === "fd") return executedByFind(args);
  // A program's name that turns out empty leaves its first argument to be the program.
  if (program === "" && isComputed) return [args];
  const wrapper = Object.hasOwn(WRAPPERS, program) ? WRAPPERS[program] : undefined;
  const isQuery = program === "command" && /^-[vV]/.test(args[0] ?? "");
  if (wrapper === undefined || isQuery) return [];
  const read = program === "xargs" ? (input?.split(/\s+/) ?? []) : [];
  return [[...args.slice(endOfOwnArgs(args, wrapper)), ...read]];
}

/** The programs whose arguments hold shell text. */
const TAKES_SCRIPT: Record<string, (args: readonly string[]) => string[]> = {
  git: scriptsOfGit,
  ssh: scriptsOfSsh,
  parallel: (args) => [args.slice(endOfOwnArgs(args, PARALLEL)).join(" ")],
  eval: (args) => [args.join(" ")],
  watch: (args) => [args.join(" ")],
  trap: (args) => args.slice(0, 1),
  alias: (args) => args.map((arg) => arg.slice(arg.indexOf("=") + 1)),
  env: (args) => args.flatMap(splitString),
  su: commandOption,
  npx: commandOption,
  npm: commandOption,
  runuser: commandOption,
  script: commandOption,
  flock: commandOption,
};

/** The shell text that an invocation runs, where it is known. */
export function findScripts(invocation: Invocation): string[] {
  const { program, args, input } = invocation;
  if (!isShell(program)) {
    const own = Object.hasOwn(TAKES_SCRIPT, program) ? TAKES_SCRIPT[program]?.(args) : undefined;
    return [...(own ?? []), ...scriptsInOptions(program, args)];
  }
  if (leadingOptions(args).some((arg) => /^-[a-zA-Z]*c/.test(arg))) {
    return args.filter((arg) => !/^[-+]/.test(arg));
  }
  return runsInput(invocation) && input !== undefined ? [input] : [];
}

/** What an invocation passes down its pipe, where the text tells. */
export function predictOutput({ program, args, input }: Invocation): string | undefined {
  if ((program === "cat" || program === "tee") && args.every((arg) => arg.startsWith("-"))) return input;
  // The names of what lies below a directory stand for all of it.
  if (listsNames(program, args)) return searchRoots(program, args).join(" ");
  return predictPrinted(program, args);
}

/** A program's name without its directory. */
export function programName(text: string): string {
  return (text.split("/").at(-1) ?? text).toLowerCase();
}

function endOfOwnArgs(args: readonly string[], { valued, operands }: Wrapper): number {
  let at = 0;
  for (
    let arg = args[at];
    arg !== undefined && (arg.startsWith("-") || ASSIGNMENT.test(arg));
    arg = args[at]
  ) {
    at++;
    if (arg === "--") break;
    const takesNext = arg.startsWith("--")
      ? LONG_WITH_VALUE.test(arg)
      : arg.startsWith("-") && valued.includes(arg.at(-1) ?? "-");
    if (takesNext) at++;
  }
  return at + operands;
}

/** The directories that `find` and its like are given, or the one that they work in. */
function searchRoots(program: string, args: readonly string[]): string[] {
  const end = args.findIndex((arg) => /^[-(!]/.test(arg));
  const operands = args.filter((arg) => !arg.startsWith("-"));
  const isFind = program === "find";
  const roots = isFind
    ? args.slice(0, end < 0 ? args.length : end)
    : operands.slice(program === "ls" ? 0 : 1);
  return roots.length === 0 ? ["."] : roots;
}

function executedByFind(args: readonly string[]): string[][] {
  const roots = args.slice(
    0,
    args.findIndex((arg) => /^[-(!]/.test(arg)),
  );
  const found: string[][] = [];
  for (let at = 0; at < args.length; at++) {
    if (!/^(-exec(dir)?|-ok(dir)?|-x|-X|--exec(-batch)?)$/.test(args[at] ?? "")) continue;
    const rest = args.slice(at + 1);
    const end = rest.findIndex((arg) => arg === ";" || arg === "+");
    const argv = end < 0 ? rest : rest.slice(0, end);
    found.push(argv.flatMap((arg) => (arg === "{}" ? roots : [arg])));
    at += argv.length;
  }
  return found;
}

function splitString(arg: string, index: number, args: readonly string[]): string[] {
  const glued = /^(?:-\w*S|--split-string=)(.+)$/s.exec(arg)?.[1];
  if (glued !== undefined) return [glued];
  return /^(-\w*S|--split-string)$/.test(arg) ? args.slice(index + 1).slice(0, 1) : [];
}

function commandOption(args: readonly string[]): string[] {
  const option = args.findIndex((arg) => /^(-\w*c|--command)$/.test(arg));
  return option < 0 ? [] : args.slice(option + 1, option + 2);
}
