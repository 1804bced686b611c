import {
  copiesProtected,
  editorRuns,
  findsProtected,
  gitTakesProtected,
  isFedProtected,
  isNoListing,
  killsEverything,
  losesRows,
  losesWork,
  namesServer,
  pushesByForce,
  searchesProtected,
  sedRuns,
  setsGitProgram,
  showsEnvironments,
  startsShell,
  usesMoreThanNames,
} from "./conditions.ts";
import { isShell } from "./invocation.ts";
import * as is from "./patterns.ts";
import type { RuleId } from "./reasons.ts";
import type { Subject } from "./subject.ts";
import { namesProgram } from "./told-programs.ts";

/** What must hold for a rule to apply: all that is given. */
interface Match {
  program?: RegExp;
  /** Each must match some argument. */
  args?: readonly RegExp[];
  option?: RegExp;
  path?: RegExp;
  write?: RegExp;
  /** A variable that is set for the program, with its value. */
  variable?: RegExp;
  when?(subject: Subject): boolean;
}

/** One line of the policy. */
interface Rule {
  id: RuleId;
  match: Match;
}

/**
 * All rules about programs and files, first what is denied, then what is asked. One rule is one line: its name,
 * whose reason stands in `reasons.ts`, and what it matches.
 */
export const RULES: readonly Rule[] = [
  { id: "protected", match: { path: /^@protected/ } },
  { id: "protected", match: { write: /^@protected/ } },
  { id: "foreign-process", match: { path: is.FOREIGN_PROCESS } },
  { id: "foreign-process", match: { path: is.HIDDEN_PROCESS } },
  { id: "foreign-process", match: { program: /^ps$/, when: showsEnvironments } },
  { id: "foreign-process", match: { program: is.DEBUGGER, when: namesServer } },
  { id: "delete-system", match: { program: /^rm$/, args: [is.RECURSIVE], path: is.VITAL } },
  { id: "delete-system", match: { program: /^find$/, args: [/^-delete$/], path: is.VITAL } },
  { id: "delete-system", match: { program: /^find$/, args: [is.EXECUTES, is.DELETER], path: is.VITAL } },
  { id: "delete-system", match: { program: /^rsync$/, args: [/^--del/], write: is.VITAL } },
  { id: "format-disk", match: { program: /^(mkfs(\..+)?|mke2fs|mkswap|newfs(_.+)?|wipefs|blkdiscard)$/ } },
  { id: "write-device", match: { write: is.DEVICE } },
  { id: "write-device", match: { write: /^\/proc\/sysrq-trigger$/ } },
  { id: "kill-everything", match: { program: /^kill$/, when: killsEverything } },
  { id: "kill-server", match: { program: /^kill$/, when: namesServer } },
  { id: "manage-server", match: { program: is.OURS, args: [is.MANAGES] } },
  { id: "manage-server", match: { program: is.STARTS_OTHERS, args: [is.OUR_FILE, is.MANAGES] } },
  { id: "kill-server", match: { program: /^(pkill|killall|skill)$/, args: [/^(node|nodejs|.*hermes.*)$/i] } },
  { id: "power", match: { program: /^(shutdown|reboot|halt|poweroff)$/ } },
  { id: "power", match: { program: /^(systemctl|loginctl)$/, args: [is.POWER] } },
  { id: "power", match: { program: /^(init|telinit)$/, args: [/^[06]$/] } },

  { id: "recursive-delete", match: { program: /^rm$/, args: [is.RECURSIVE] } },
  { id: "mass-delete", match: { program: /^(find|fd)$/, args: [/^-delete$/] } },
  { id: "mass-delete", match: { program: /^(find|fd)$/, args: [is.EXECUTES, is.DELETER] } },
  { id: "mass-delete", match: { program: /^(xargs|parallel)$/, args: [is.DELETER] } },
  { id: "world-writable", match: { program: /^chmod$/, args: [is.WORLD_WRITABLE] } },
  { id: "chown-root", match: { program: /^(chown|chgrp)$/, args: [is.RECURSIVE, is.ROOT_OWNER] } },
  { id: "raw-copy", match: { program: /^dd$/, args: [/^if=/] } },
  { id: "raw-copy", match: { program: /^([csg]?fdisk|sgdisk|parted)$/, when: isNoListing } },
  { id: "sql-loss", match: { program: is.SQL_CLIENT, when: losesRows } },
  { id: "write-etc", match: { write: /^\/etc(\/|$)/ } },
  { id: "write-system", match: { write: is.SYSTEM_FILES } },
  { id: "write-keys", match: { write: is.KEYS } },
  { id: "write-startup", match: { write: is.STARTUP_FILES } },
  { id: "write-startup", match: { write: is.PROJECT_STARTUP, when: isNoDirectory } },
  { id: "write-startup", match: { program: /^git$/, when: setsGitProgram } },
  { id: "write-instructions", match: { write: is.INSTRUCTIONS, when: isNoDirectory } },
  { id: "write-startup", match: { program: /^(crontab|at|batch)$/, when: isNoListing } },
  { id: "write-hermes", match: { write: /^@hermes(\/|$)/ } },
  { id: "read-hermes", match: { path: /^@hermes(\/[*.?]+)?$/, when: usesMoreThanNames } },
  { id: "read-hermes", match: { when: copiesProtected } },
  { id: "read-hermes", match: { when: searchesProtected } },
  { id: "read-hermes", match: { program: /^(find|fd)$/, args: [is.EXECUTES], when: findsProtected } },
  { id: "read-hermes", match: { program: /^(xargs|parallel|cpio|pax)$/, when: isFedProtected } },
  { id: "read-hermes", match: { program: /^git$/, when: gitTakesProtected } },
  {
    id: "read-hermes",
    match: { program: is.SERVES_FILES, args: [is.SERVES], when: ({ holds }) => holds.here },
  },
  { id: "link-outside", match: { program: /^(ln|link|cp)$/, when: ({ linksOut }) => linksOut } },
  { id: "link-outside", match: { program: /^mount$/, args: [/^(-B|-R|--r?bind|.*\bbind\b.*)$/] } },
  { id: "stop-service", match: { program: is.SERVICES, args: [is.STOPS] } },
  { id: "stop-service", match: { program: is.SERVICES, args: [/^restart$/, is.OURS] } },
  { id: "stop-service", match: { program: is.OURS, args: [/^(stop|restart|kill|drain|uninstall)$/] } },
  { id: "kill-many", match: { program: /^killall5?$/ } },
  { id: "kill-many", match: { program: /^pkill$/, args: [/^-(9|kill|sigkill|s)$/i] } },
  { id: "kill-many", match: { program: /^kill$/, when: ({ hasComputedArgs }) => hasComputedArgs } },
  { id: "inline-code", match: { option: /^-[a-zA-Z]*c/, when: ({ program }) => isShell(program) } },
  { id: "inline-code", match: { program: /^(python|pypy)[\d.]*$/, option: /^-[a-zA-Z]*c/ } },
  {
    id: "inline-code",
    match: { program: /^(node|nodejs|bun)$/, option: /^(-[a-z]*[ep]|--(eval|print)(=.*)?)$/ },
  },
  { id: "inline-code", match: { program: /^deno$/, args: [/^eval$/] } },
  {
    id: "inline-code",
    match: { program: /^(perl|ruby|lua|rscript)[\d.]*$/, option: /^-([\w.]*e$|[nplw0]*e)/i },
  },
  { id: "inline-code", match: { program: /^(php[\d.]*|osascript)$/, option: /^-[re]/ } },
  { id: "inline-code", match: { program: is.OTHER_INTERPRETER, option: is.OTHER_EVAL } },
  { id: "inline-code", match: { program: /^g?make$/, args: [/^--eval\b/] } },
  { id: "inline-code", match: { program: is.EDITOR, args: [is.EDITOR_CODE] } },
  { id: "inline-code", match: { program: /^(ed|red|ex)$/, when: editorRuns } },
  { id: "inline-code", match: { program: /^[gmn]?awk$/, args: [is.AWK_RUNS] } },
  { id: "inline-code", match: { program: /^g?sed$/, when: sedRuns } },
  { id: "inline-code", match: { program: is.SQL_CLIENT, when: startsShell } },
  { id: "inline-code", match: { program: is.DEBUGGER, args: [/^--?(ex|eval-command|o|one-line)\b/] } },
  { id: "named-program", match: { program: /^git$/, args: [is.GIT_CODE] } },
  { id: "named-program", match: { program: /^git$/, args: [is.GIT_PROGRAM] } },
  { id: "named-program", match: { when: namesProgram } },
  { id: "named-program", match: { program: /^(ssh|scp|sftp|sshfs|rsync)$/, args: [is.SSH_COMMAND] } },
  { id: "named-program", match: { variable: is.CODE_VARIABLE } },
  {
    id: "host-access",
    match: { program: /^(docker|podman|nerdctl|lxc|incus)$/, args: [is.CONTAINER_RIGHTS] },
  },
  { id: "input-code", match: { when: ({ runsInput }) => runsInput } },
  {
    id: "computed-program",
    match: { program: /^(eval|trap)$/, when: ({ hasComputedArgs }) => hasComputedArgs },
  },
  { id: "computed-program", match: { when: ({ isComputed }) => isComputed } },
  { id: "git-loss", match: { program: /^git$/, when: losesWork } },
  {
    id: "git-loss",
    match: { program: /^(hg|svn|jj|bzr|fossil)$/, args: [/^(revert|purge|abandon|strip|restore)$/] },
  },
  { id: "git-push", match: { program: /^git$/, when: pushesByForce } },
];

/** Rules about a whole text, whatever programs it is made of; the first is a function that starts itself twice over. */
export const TEXT_RULES: readonly { id: RuleId; pattern: RegExp }[] = [
  {
    id: "fork-bomb",
    pattern: /([^\s(){}|;&]{1,64})\s{0,8}\(\s{0,8}\)\s{0,8}\{[^}]{0,256}\1\s{0,8}[|&][^}]{0,64}\1/,
  },
  {
    id: "foreign-process",
    pattern: /\/proc\/(?!self\/|thread-self\/)[^\s/"']{1,64}\/(environ|mem|map_files)\b/,
  },
];

/** A directory alone runs nothing. */
function isNoDirectory({ program }: Subject): boolean {
  return program !== "mkdir";
}

/** Whether a rule applies to a subject. */
export function applies({ match }: Rule, subject: Subject): boolean {
  const { program, args = [], option, path, write, variable } = match;
  return (
    (program?.test(subject.program) ?? true) &&
    args.every((pattern) => subject.args.some((arg) => pattern.test(arg))) &&
    (option === undefined || subject.options.some((text) => option.test(text))) &&
    (path === undefined || subject.paths.some((text) => path.test(text))) &&
    (variable === undefined || subject.variables.some((text) => variable.test(text))) &&
    (write === undefined || subject.writes.some((text) => write.test(text))) &&
    (match.when?.(subject) ?? true)
  );
}
