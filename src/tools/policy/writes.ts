import type { Invocation } from "./invocation.ts";

type Targets = (args: readonly string[]) => string[];

const all: Targets = (args) => args.filter((arg) => !arg.startsWith("-"));

/** The last operand, or the value of `-t`. */
const destination: Targets = (args) => [
  ...optionValues(args, /^(-\w*t|--target-directory)$/),
  ...all(args).slice(-1),
];

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
  mv: all,
  patch: all,
  sponge: all,
  wipefs: all,
  blkdiscard: all,
  vi: all,
  vim: all,
  nano: all,
  ed: all,
  ex: all,
  cp: destination,
  ln: destination,
  install: destination,
  rsync: destination,
  scp: destination,
  dd: (args) => args.filter((arg) => arg.startsWith("of=")).map((arg) => arg.slice(3)),
  sed: (args) => (args.some((arg) => /^(-[a-zA-Z]*i|--in-place)/.test(arg)) ? all(args) : []),
  perl: (args) => (args.some((arg) => /^-[a-zA-Z0-9]*i/.test(arg)) ? all(args) : []),
  curl: (args) => optionValues(args, /^(-\w*o|--output|--output-dir)$/),
  wget: (args) => optionValues(args, /^(-\w*[OP]|--output-document|--directory-prefix)$/),
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
