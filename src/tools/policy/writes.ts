import { posix } from "node:path";
import type { Invocation } from "./invocation.ts";

type Targets = (args: readonly string[]) => string[];

const all: Targets = (args) => args.filter((arg) => !arg.startsWith("-"));

/** Where a program copies or links to: the value of `-t`, the last of several operands, or where it is. */
export function findDestination(args: readonly string[]): string {
  const [given] = optionValues(args, /^(-\w*t|--target-directory)$/);
  const operands = all(args);
  return given ?? (operands.length > 1 ? operands.at(-1) : undefined) ?? ".";
}

/** The destination, which may be a directory that gets the names of the sources. */
const destination: Targets = (args) => {
  const directory = findDestination(args);
  return [directory, ...all(args).map((source) => posix.join(directory, posix.basename(source)))];
};

/** What a download is called when its name is the URL's. */
const named: Targets = (args) =>
  all(args)
    .filter((arg) => arg.includes("/"))
    .map((url) => posix.basename(url.replace(/[?#].*$/s, "")));

/** The files of `w` and `s///w` in sed's script. */
const SED_WRITES = /(?:^|[;{}\n/\d$gp])\s{0,9}[wW]\s{1,9}([^\s;}]{1,999})/g;
/** `print > "file"` in awk's. */
const AWK_WRITES = /print[^;}\n>]{0,999}>{1,2}\s{0,9}"([^"]{1,999})"/g;

const inScript =
  (pattern: RegExp): Targets =>
  (args) =>
    args.flatMap((arg) => [...arg.matchAll(pattern)].map(([, file = ""]) => file));

const isInPlace = (args: readonly string[]): boolean =>
  args.some((arg) => /^(-[a-zA-Z]*i|--in-place|inplace$)/.test(arg));

const awk: Targets = (args) => [...inScript(AWK_WRITES)(args), ...(isInPlace(args) ? all(args) : [])];

/** Which arguments of a program are files that it changes. */
const WRITERS: Record<string, Targets> = {
  tee: all,
  touch: all,
  truncate: all,
  mkdir: all,
  rmdir: all,
  rm: all,
  unlink: all,
  shred: all,
  chmod: all,
  chown: all,
  chgrp: all,
  chattr: all,
  mv: (args) => [...all(args), ...destination(args)],
  patch: all,
  sponge: all,
  wipefs: all,
  blkdiscard: all,
  vi: all,
  vim: all,
  nano: all,
  ed: all,
  ex: all,
  emacs: all,
  cp: destination,
  ln: destination,
  install: (args) => (args.includes("-d") ? all(args) : destination(args)),
  rsync: destination,
  scp: destination,
  dd: (args) => args.filter((arg) => arg.startsWith("of=")).map((arg) => arg.slice(3)),
  sed: (args) => [...inScript(SED_WRITES)(args), ...(isInPlace(args) ? all(args) : [])],
  awk,
  gawk: awk,
  mawk: awk,
  git: (args) => (args.includes("mv") ? destination(args) : []),
  perl: (args) => (args.some((arg) => /^-[a-zA-Z0-9]*i/.test(arg)) ? all(args) : []),
  curl: (args) => [
    ...optionValues(args, /^(-\w*o|--output|--output-dir)$/),
    ...(args.some((arg) => /^(-[a-zA-Z]*O|--remote-name(-all)?)/.test(arg)) ? named(args) : []),
  ],
  wget: (args) => [
    ...optionValues(args, /^(-\w*[OP]|--output-document|--directory-prefix)$/),
    ...named(args),
  ],
  sort: (args) => optionValues(args, /^(-\w*o|--output)$/),
  tar: (args) => optionValues(args, /^(-\w*C|--directory)$/),
  unzip: (args) => optionValues(args, /^-\w*d$/),
};

/** The files that an invocation changes by its arguments, as far as its program is known. */
export function writtenBy({ program, args }: Invocation): string[] {
  const targets = Object.hasOwn(WRITERS, program) ? WRITERS[program] : undefined;
  return targets?.(args) ?? [];
}

/** The values of options: `-o value`, `--output=value`. */
function optionValues(args: readonly string[], option: RegExp): string[] {
  return args.flatMap((arg, index) => {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    if (equals > 0 && option.test(arg.slice(0, equals))) return [arg.slice(equals + 1)];
    return option.test(arg) ? args.slice(index + 1, index + 2) : [];
  });
}
