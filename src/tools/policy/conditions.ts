import { listOperands } from "./operands.ts";
import { COPIES_ALL, FORCED_PUSH, GIT_CODE, LOOKS_ONLY, SQL_LOSS, SQL_SHELL } from "./patterns.ts";
import type { Subject } from "./subject.ts";

/** `ps eww` shows environments, `ps -e` does not; letters behind an option are its value. */
export function showsEnvironments({ args }: Subject): boolean {
  const isValue = (index: number): boolean =>
    /^(-[a-zA-Z]*[CGgoOpqstuUk]|--[^=]+)$/.test(args[index - 1] ?? "");
  const shows = (arg: string): boolean => /^([a-zA-Z]*e[a-zA-Z]*|-[a-zA-Z]*E[a-zA-Z]*)$/.test(arg);
  return args.some((arg, index) => shows(arg) && !isValue(index));
}

/** Process -1 is all of them, but a `-1` in front is signal 1. */
export function killsEverything({ args }: Subject): boolean {
  return args.length === 1 ? args[0] === "-1" : args.slice(1).includes("-1");
}

export function namesServer({ args, pid }: Subject): boolean {
  return args.some((arg) => /^-?\d+$/.test(arg) && Math.abs(Number(arg)) === pid);
}

export function losesRows({ args, input }: Subject): boolean {
  return [...args, input].some((text) => SQL_LOSS.test(text));
}

export function startsShell({ args, input }: Subject): boolean {
  return [...args, input].some((text) => SQL_SHELL.test(text));
}

export function isNoListing({ args }: Subject): boolean {
  return !args.includes("-l");
}

export function usesMoreThanNames({ program }: Subject): boolean {
  return !LOOKS_ONLY.test(program);
}

/** A program that packs or copies whole directories is given one that has something protected in it. */
export function copiesProtected({ program, args, holds }: Subject): boolean {
  const copiesAll = /^(cp|scp|zip|diff|docker|podman|nerdctl|rclone)$/.test(program)
    ? args.some((arg) => COPIES_ALL.test(arg) || /^(-v|--volume|--mount|build|sync|copy)/.test(arg))
    : /^([bg]?tar|star|rsync|7za?|rar|pax|restic|borg|duplicity|unison)$/.test(program);
  return copiesAll && holds.named;
}

/** The options of searching programs that take a value, and whether they look into directories unasked. */
const SEARCHERS: readonly { program: RegExp; valued: string; recursive?: RegExp }[] = [
  {
    program: /^(e|f|z|bz|xz|p)?grep$/,
    valued: "ABCDdefm",
    recursive: /^(-[a-zA-Z]*[rR]|--(dereference-)?rec|--directories=rec|recurse$)/,
  },
  { program: /^(rgrep|ack|pt|sift|ug)$/, valued: "ABCemg" },
  { program: /^rg$/, valued: "ABCdEefgjmMrtT" },
  { program: /^ag$/, valued: "ABCGmpW" },
  { program: /^ugrep$/, valued: "ABCeftgmM", recursive: /^(-[a-zA-Z]*[rRS]|--rec)/ },
];

/** A searching program reads a directory that has something protected in it: what is found is printed. */
export function searchesProtected({ program, args, holds }: Subject): boolean {
  const searcher = SEARCHERS.find((known) => known.program.test(program));
  const isRecursive = searcher?.recursive === undefined || args.some((arg) => searcher.recursive?.test(arg));
  if (searcher === undefined || !isRecursive || args.includes("--files")) return false;
  const hasPattern = args.some((arg) => /^(-[a-zA-Z]*[ef]|--(regexp|file)\b)/.test(arg));
  const places = listOperands(args, searcher.valued).length - (hasPattern ? 0 : 1);
  return holds.named || (places <= 0 && holds.here);
}

/** `find` hands what it finds to a program that reads. */
export function findsProtected({ args, holds, runs }: Subject): boolean {
  const readsFiles = runs.some((program) => !LOOKS_ONLY.test(program));
  const places = args.findIndex((arg) => /^[-(!]/.test(arg));
  return readsFiles && (holds.named || (places === 0 && holds.here));
}

/** `xargs` and its like get the names of what lies below such a directory. */
export function isFedProtected({ holds, runs }: Subject): boolean {
  return holds.input && runs.some((program) => !LOOKS_ONLY.test(program));
}

/** git reads, or keeps, what it was not told to keep. */
export function gitTakesProtected({ args, holds }: Subject): boolean {
  const isAll = args.some((arg) => /^(-A|--all|-[a-z]*u|--include-untracked|-a)$/.test(arg));
  if (args.includes("add")) return holds.named || (isAll && holds.here);
  if (args.includes("stash")) return isAll && holds.here;
  const isOfDisk = args.some((arg) => /^--(no-index|untracked)$/.test(arg));
  return isOfDisk && (holds.named || holds.here);
}

const GIT_LOSS: Readonly<Record<string, (args: readonly string[], subject: Subject) => boolean>> = {
  reset: has(/^--(hard|merge|keep)$/),
  clean: has(/^(-[a-zA-Z]*f|--force)/),
  // A word that is no file is a branch.
  checkout: (args, { namesFile }) =>
    namesFile || has(/^(--|\.|:.*|-[a-zA-Z]*[fB]|--force|--pathspec-from-file.*)$/)(args),
  restore: (args) => has(/^(-[a-zA-Z]*W|--worktree)/)(args) || !has(/^(-[a-zA-Z]*S|--staged|--help)$/)(args),
  switch: has(/^(-[a-zA-Z]*[fC]|--force|--force-create|--discard-changes)$/),
  stash: has(/^(drop|clear)$/),
  branch: has(/^(-[a-zA-Z]*[DCf]|--force)$/),
  worktree: (args) => has(/^remove$/)(args) && has(/^(-f+|--force)$/)(args),
  reflog: has(/^(expire|delete|drop)$/),
  gc: has(/^--prune/),
  prune: has(/^(?!(-n|--dry-run)$)/),
  rm: (args) => has(/^(-[a-zA-Z]*[rf]|--force)/)(args) && !args.includes("--cached"),
  "update-ref": has(/^(-d|--stdin)$/),
  "checkout-index": has(/^(-[a-zA-Z]*f|--force)$/),
  "read-tree": has(/^(--reset|-[a-z]*u)$/),
  submodule: (args) => has(/^(update|deinit)$/)(args) && has(/^(-[a-zA-Z]*f|--force)$/)(args),
  "filter-branch": () => true,
  "filter-repo": () => true,
};

/** git throws away changes that no commit has, or commits. */
export function losesWork(subject: Subject): boolean {
  const { verb, args } = gitVerb(subject);
  return Object.hasOwn(GIT_LOSS, verb) && GIT_LOSS[verb]?.(args, subject) === true;
}

export function pushesByForce(subject: Subject): boolean {
  const { verb, args } = gitVerb(subject);
  return verb === "push" && args.some((arg) => FORCED_PUSH.test(arg));
}

/** A setting of git is written that names a program to run. */
export function setsGitProgram(subject: Subject): boolean {
  const { verb, args } = gitVerb(subject);
  const [key = "", value] = listOperands(args, "f").filter((arg) => !/^(set|add)$/.test(arg));
  return verb === "config" && value !== undefined && GIT_CODE.test(`${key}=${value}`);
}

/** What git is asked to do, behind its own options. */
function gitVerb({ args }: Subject): { verb: string; args: readonly string[] } {
  const valued = /^(-[Cc]|--(git-dir|work-tree|namespace|exec-path|super-prefix|config-env))$/;
  const at = args.findIndex((arg, index) => !arg.startsWith("-") && !valued.test(args[index - 1] ?? ""));
  return at < 0 ? { verb: "", args: [] } : { verb: args[at] ?? "", args: args.slice(at + 1) };
}

function has(pattern: RegExp): (args: readonly string[]) => boolean {
  return (args) => args.some((arg) => pattern.test(arg));
}

/** `s/a/b/e` and the command `e` of sed run what they get. */
const SED_RUNS =
  /(^|[;{}\n])\s{0,9}(\d{1,9}|\$|\d{1,9},[\d$]{1,9}|\/[^/]{0,99}\/)?\s{0,9}!?\s{0,9}(e(\s|$)|s([^\w\s\\])(?:\\.|(?!\5)[^\\]){0,256}\5(?:\\.|(?!\5)[^\\]){0,256}\5[gpiIm\d]{0,9}e)/s;

export function sedRuns({ args }: Subject): boolean {
  return args.some((arg) => SED_RUNS.test(arg.replace(/^(-e|--expression=)/, "")));
}

/** A line editor's text runs programs with `!`. */
export function editorRuns({ input }: Subject): boolean {
  return /^\s{0,9}[\d,$%.]{0,20}\s{0,9}(!|[erw]\s?!)/m.test(input);
}
