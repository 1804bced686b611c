import { posix } from "node:path";
import { type Invocation, leadingOptions, runsInput, startedBy } from "./invocation.ts";
import { listOperands } from "./operands.ts";
import type { Places } from "./places.ts";
import { findDestination, writtenBy } from "./writes.ts";

/** What a rule is asked about: one program with its arguments, or a file tool's writes. */
export interface Subject {
  program: string;
  args: readonly string[];
  /** The options before the first argument that is none. */
  options: readonly string[];
  /** The arguments as paths, in the names of `Places`. */
  paths: readonly string[];
  /** The files that it changes, in the same names. */
  writes: readonly string[];
  /** Variables that are set for it: `NAME=value`. */
  variables: readonly string[];
  /** What its standard input brings, where the text tells. */
  input: string;
  /** Which directories it may read that have something protected in them. */
  holds: Holdings;
  /** The programs that it starts in its turn. */
  runs: readonly string[];
  /** It makes a link in the workspace to what lies outside. */
  linksOut: boolean;
  /** An argument behind the first names a file that is there. */
  namesFile: boolean;
  isComputed: boolean;
  hasComputedArgs: boolean;
  runsInput: boolean;
  /** The server's process id. */
  pid: number;
}

/** Where something protected lies below. */
interface Holdings {
  /** Below an argument. */
  named: boolean;
  /** Below the directory that it works in. */
  here: boolean;
  /** Below a name that its standard input brings. */
  input: boolean;
}

/** Files that a command uses by its redirections, or that a tool writes. */
export interface Files {
  reads: readonly string[];
  writes: readonly string[];
}

/** Where a program is started. */
export interface Surroundings {
  places: Places;
  cwd: string;
  variables: readonly string[];
  pid: number;
}

/** `tar -C dir`, `git -C dir`: the other paths begin there. */
const CHANGES_DIRECTORY = /^(-\w*C|--directory)$/;
const MAX_INPUT_NAMES = 16;

/** What rules must know of a program that is about to be started. */
export function describeSubject(invocation: Invocation, files: Files, at: Surroundings): Subject {
  const { args, input = "" } = invocation;
  const { places, cwd, variables, pid } = at;
  const changed = args.flatMap((arg, index) => (CHANGES_DIRECTORY.test(arg) ? (args[index + 1] ?? []) : []));
  const bases = [cwd, ...changed.slice(0, 1).map((directory) => places.resolve(directory, cwd))];
  const inBases = <Result>(paths: readonly string[], use: (path: string, base: string) => Result): Result[] =>
    paths.flatMap((path) => bases.map((base) => use(path, base)));
  const namesOf = (paths: readonly string[]) =>
    inBases(paths, (path, base) => places.namesOf(path, base)).flat();
  const holds = (paths: readonly string[]) =>
    inBases(paths, (path, base) => places.holdsProtected(path, base)).includes(true);
  const isThere = (path: string, base: string) => places.kindOf(path, base) !== undefined;
  const written = writtenBy(invocation);
  const known = new Set([...written, ...changed]);
  const read = args.filter((arg) => !arg.startsWith("-") && !known.has(arg));
  return {
    ...invocation,
    options: leadingOptions(args),
    paths: namesOf([...args.flatMap(pathsIn), ...files.reads]),
    writes: namesOf([...written, ...files.writes]),
    variables,
    holds: {
      named: holds([...read, ...args.flatMap(hostPath)]),
      here: holds(["."]),
      input: isFedNames(invocation) && holds(input.split(/\s+/, MAX_INPUT_NAMES).filter(Boolean)),
    },
    runs: startedBy(invocation).map(({ program }) => program),
    linksOut: linksOut(invocation, at),
    namesFile: invocation.program === "git" && inBases(read.slice(1), isThere).includes(true),
    input,
    runsInput: runsInput(invocation),
    pid,
  };
}

function isFedNames({ program }: Invocation): boolean {
  return /^(xargs|parallel|cpio|pax)$/.test(program);
}

/** What may be a path in an argument: `a`, `if=a`, `--file=a`, `@a`, `-Ia`, `a:b`. */
function pathsIn(arg: string): string[] {
  const parts = [arg.slice(arg.lastIndexOf("=") + 1), arg.slice(arg.lastIndexOf("@") + 1), ...hostPath(arg)];
  const start = arg.search(/[/~]/);
  if (!arg.startsWith("-")) parts.push(arg);
  else if (start > 0) parts.push(arg.slice(start));
  return [...new Set(parts)].filter((part) => !part.startsWith("-"));
}

/** The directory of this machine that `directory:place` gives a container. */
function hostPath(arg: string): string[] {
  const [, path] = /^(?:--?[\w-]+=?|.*(?:source|src)=)?([/~.][^:,]*)[:,]/.exec(arg) ?? [];
  return path === undefined ? [] : [path];
}

const LINKS = /^(-[a-zA-Z]*[ls]|--(symbolic-)?link)/;

function linksOut({ program, args }: Invocation, { places, cwd }: Surroundings): boolean {
  const isLink = program === "ln" || program === "link";
  if (!isLink && !(program === "cp" && args.some((arg) => LINKS.test(arg)))) return false;
  const operands = listOperands(args, "St");
  const destination = findDestination(args);
  const sources = operands.filter((operand) => operand !== destination);
  if (places.isOutside(places.realOf(destination, cwd))) return false;
  const isSymbolic = args.some((arg) => /^(-[a-zA-Z]*s|--sym)/.test(arg));
  const isInside = places.kindOf(destination, cwd) === "directory";
  const directory = isInside ? destination : posix.dirname(destination);
  // What a symbolic link says is read from where it lies.
  const base = isSymbolic ? places.resolve(directory, cwd) : cwd;
  return sources.some((source) => places.isOutside(places.realOf(source, base)));
}
