import { isShell } from "./invocation.ts";

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
  /** What its standard input brings, where the text tells. */
  input: string;
  /** It is given a directory to read that has something protected in it. */
  holdsProtected: boolean;
  isComputed: boolean;
  hasComputedArgs: boolean;
  runsInput: boolean;
  /** The server's process id. */
  pid: number;
}

/** What must hold for a rule to apply: all that is given. */
export interface Match {
  program?: RegExp;
  /** Each must match some argument. */
  args?: readonly RegExp[];
  option?: RegExp;
  path?: RegExp;
  write?: RegExp;
  when?(subject: Subject): boolean;
}

/** One line of the policy. */
export interface Rule {
  id: RuleId;
  match: Match;
}

/** Why a rule of this name never lets a call pass, whatever the settings say. */
export const DENIED = {
  protected: "it names or changes the server's own keys, settings or database",
  "foreign-process": "it looks into another process's memory or environment",
  "delete-system": "it deletes the system or a home directory",
  "format-disk": "it formats or wipes a disk",
  "write-device": "it overwrites a disk or the memory, or controls the kernel",
  "kill-everything": "it kills every process",
  "kill-server": "it ends this server, perhaps by name; kill another process by its id",
  "manage-server": "it manages this server, as only people do; for jobs there is the tool cronjob",
  power: "it shuts the machine down",
  "fork-bomb": "it starts itself without end",
} as const;

/** Why a rule of this name lets a call pass only when a person says so. */
export const ASKED = {
  "recursive-delete": "it deletes directories with all in them",
  "mass-delete": "it deletes whatever it finds or is given",
  "world-writable": "it lets everybody write",
  "chown-root": "it gives files to root",
  "raw-copy": "it copies raw data or changes partitions",
  "sql-loss": "it drops or empties a table",
  "write-etc": "it changes the system's configuration",
  "write-system": "it changes the system",
  "write-keys": "it changes keys, secrets or who may log in",
  "write-startup": "it changes what runs later or at every log-in",
  "write-hermes": "it changes this server's configuration, skills or jobs",
  "read-hermes": "it uses all of this server's own directory",
  "stop-service": "it stops a service or this server",
  "kill-many": "it kills every process of a name, or one that is known only when it runs",
  "inline-code": "it runs a program given as text",
  "input-code": "it runs whatever it is sent",
  "computed-program": "what it runs shows only when it runs",
  "git-loss": "it throws away work that is not committed",
  "git-push": "it rewrites or deletes what others may have",
  nested: "it is nested too deeply to be judged",
  "too-long": "it is too long to be judged",
} as const;

/** The name of a rule; rules of one name share a reason. */
export type RuleId = keyof typeof DENIED | keyof typeof ASKED;

const SYSTEM_DIRECTORIES =
  "bin|boot|dev|etc|home|lib\\d*|opt|proc|root|run|sbin|srv|sys|usr(/(s?bin|lib\\d*|share|local|include))?" +
  "|var(/(lib|log|spool|mail|cache))?|Applications|Library|System|Users|Volumes";
/** The root, a system directory, a home, the server's directory: itself or all that is in it. */
const VITAL = new RegExp(
  `^(~|@hermes|/(${SYSTEM_DIRECTORIES})?|/(home|Users)/[^/]+|/[^/]*[*?[][^/]*)(/?[*.?]+)*/?$`,
);
const DEVICE = /^\/dev\/(sd|hd|vd|xvd|nvme|mmcblk|md\d|dm-|loop|mapper\/|disk|rdisk|mem$|kmem$|port$)/;
const FOREIGN_PROCESS =
  /^\/proc\/(?!(thread-)?self(\/|$))([^/]+\/)?(task\/[^/]+\/)?(environ|mem|fd|root|cwd|maps|map_files)(\/|$)/;
/** The same behind a glob, or reached from `/dev/fd/..`, which is in /proc. */
const HIDDEN_PROCESS = /^\/([^/]*[*?[][^/]*\/[^/]+|\d+)\/(task\/[^/]+\/)?(environ|mem|map_files)$/;
const SYSTEM_FILES = /^\/(bin|boot|lib\d*|sbin|usr|sys|proc\/sys|var\/spool\/cron)(\/|$)/;
const STARTUP_FILES =
  /^~\/(\.(bashrc|bash_profile|bash_login|profile|zshrc|zshenv|zprofile|gitconfig)|\.config\/(autostart|fish|systemd)(\/.*)?)$/;
const KEYS = /^~\/\.(ssh|gnupg|aws|kube)(\/|$)|(^|\/)\.env(\.(local|development|test|staging|production))?$/;

const RECURSIVE = /^(-[a-zA-Z]*[rR]|--r)/;
const DELETER = /^(\S*\/)?(rm|shred|unlink|rmdir)$/;
const EXECUTES = /^(-exec|-execdir|-ok|-okdir|-x|-X|--exec.*)$/;
const POWER = /^(poweroff|reboot|halt|kexec|rescue|emergency|suspend|hibernate)$/;
const SERVICES = /^(systemctl|service|launchctl|rc-service)$/;
const STOPS = /^(stop|disable|mask|kill|unload|bootout|remove)$/;
const OURS = /^hermes/i;
/** The server's program as others start it, and what it manages the server with. */
const OUR_FILE = /^(\S*\/)?hermes(-api-server)?(@\S*|\.[jt]s)?$/i;
const STARTS_OTHERS = /^(npx|npm|pnpm|pnpx|yarn|bunx?|deno|node|nodejs)$/;
const MANAGES = /^(jobs|cron|backup)$/;
const WORLD_WRITABLE = /^([0-7]{2,4}[2367]|[ugo]*[ao][ugoa]*[+=][rxXst]*w.*)$/;
const ROOT_OWNER = /^((root|0)(:.*)?|:(root|0))$/;
const SQL_CLIENT = /^(psql|mysql|mariadb|sqlite3?|sqlcmd|clickhouse(-client)?|duckdb|cockroach|isql|usql)$/;
const SQL_LOSS =
  /\b(drop\s+(table|database|schema|index|view|user|role)|truncate\s+(table\s+)?\w|delete\s+from\s+[^\s;]+\s*(;|$))/i;
const DEBUGGER = /^(gdb|lldb|strace|ltrace|gcore|reptyr|perf|bpftrace|py-spy)$/;
const COPIES_ALL = /^(-[a-zA-Z]*[rRa]|--recursive|--archive|--dereference-recursive)/;
const LOOKS_ONLY = /^(|ls|cd|pushd|stat|du|df|test|\[|echo|printf|mkdir|realpath|readlink|file|export)$/;
const GIT_CODE = /^(alias\.[\w-]+=!|core\.(pager|editor|sshcommand|fsmonitor|hookspath)=|ext::)/i;
const FORCED_PUSH = /^(-[a-z]*[fd][a-z]*|--force.*|--mirror|--delete|\+.+|:.+)$/;

/**
 * All rules about programs and files, first what is denied, then what is asked. One rule is one line: its name,
 * whose reason stands above, and what it matches. Patterns meet text of any length, so they must match in linear time.
 */
export const RULES: readonly Rule[] = [
  { id: "protected", match: { path: /^@protected/ } },
  { id: "protected", match: { write: /^@protected/ } },
  { id: "foreign-process", match: { path: FOREIGN_PROCESS } },
  { id: "foreign-process", match: { path: HIDDEN_PROCESS } },
  { id: "foreign-process", match: { program: /^ps$/, when: showsEnvironments } },
  { id: "foreign-process", match: { program: DEBUGGER, when: namesServer } },
  { id: "delete-system", match: { program: /^rm$/, args: [RECURSIVE], path: VITAL } },
  { id: "delete-system", match: { program: /^find$/, args: [/^-delete$/], path: VITAL } },
  { id: "delete-system", match: { program: /^find$/, args: [EXECUTES, DELETER], path: VITAL } },
  { id: "delete-system", match: { program: /^rsync$/, args: [/^--del/], write: VITAL } },
  { id: "format-disk", match: { program: /^(mkfs(\..+)?|mke2fs|mkswap|newfs(_.+)?|wipefs|blkdiscard)$/ } },
  { id: "write-device", match: { write: DEVICE } },
  { id: "write-device", match: { write: /^\/proc\/sysrq-trigger$/ } },
  { id: "kill-everything", match: { program: /^kill$/, when: killsEverything } },
  { id: "kill-server", match: { program: /^kill$/, when: namesServer } },
  { id: "manage-server", match: { program: OURS, args: [MANAGES] } },
  { id: "manage-server", match: { program: STARTS_OTHERS, args: [OUR_FILE, MANAGES] } },
  { id: "kill-server", match: { program: /^(pkill|killall|skill)$/, args: [/^(node|nodejs|.*hermes.*)$/i] } },
  { id: "power", match: { program: /^(shutdown|reboot|halt|poweroff)$/ } },
  { id: "power", match: { program: /^(systemctl|loginctl)$/, args: [POWER] } },
  { id: "power", match: { program: /^(init|telinit)$/, args: [/^[06]$/] } },

  { id: "recursive-delete", match: { program: /^rm$/, args: [RECURSIVE] } },
  { id: "mass-delete", match: { program: /^(find|fd)$/, args: [/^-delete$/] } },
  { id: "mass-delete", match: { program: /^(find|fd)$/, args: [EXECUTES, DELETER] } },
  { id: "mass-delete", match: { program: /^(xargs|parallel)$/, args: [DELETER] } },
  { id: "world-writable", match: { program: /^chmod$/, args: [WORLD_WRITABLE] } },
  { id: "chown-root", match: { program: /^(chown|chgrp)$/, args: [RECURSIVE, ROOT_OWNER] } },
  { id: "raw-copy", match: { program: /^dd$/, args: [/^if=/] } },
  { id: "raw-copy", match: { program: /^([csg]?fdisk|sgdisk|parted)$/, when: isNoListing } },
  { id: "sql-loss", match: { program: SQL_CLIENT, when: losesRows } },
  { id: "write-etc", match: { write: /^\/etc(\/|$)/ } },
  { id: "write-system", match: { write: SYSTEM_FILES } },
  { id: "write-keys", match: { write: KEYS } },
  { id: "write-startup", match: { write: STARTUP_FILES } },
  { id: "write-startup", match: { program: /^(crontab|at|batch)$/, when: isNoListing } },
  { id: "write-hermes", match: { write: /^@hermes(\/|$)/ } },
  {
    id: "read-hermes",
    match: { path: /^@hermes(\/[*.?]+)?$/, when: ({ program }) => !LOOKS_ONLY.test(program) },
  },
  {
    id: "read-hermes",
    match: { program: /^(cp|scp|zip)$/, args: [COPIES_ALL], when: holdsProtected },
  },
  { id: "read-hermes", match: { program: /^(tar|rsync|7z|restic|borg)$/, when: holdsProtected } },
  { id: "stop-service", match: { program: SERVICES, args: [STOPS] } },
  { id: "stop-service", match: { program: SERVICES, args: [/^restart$/, OURS] } },
  { id: "stop-service", match: { program: OURS, args: [/^(stop|restart|kill|drain|uninstall)$/] } },
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
  { id: "inline-code", match: { program: /^[gmn]?awk$/, args: [/\bsystem\s*\(|\|\s*"|\|&/] } },
  { id: "inline-code", match: { program: /^git$/, args: [GIT_CODE] } },
  { id: "input-code", match: { when: ({ runsInput }) => runsInput } },
  {
    id: "computed-program",
    match: { program: /^(eval|trap)$/, when: ({ hasComputedArgs }) => hasComputedArgs },
  },
  { id: "computed-program", match: { when: ({ isComputed }) => isComputed } },
  { id: "git-loss", match: { program: /^git$/, args: [/^reset$/, /^--(hard|merge|keep)$/] } },
  { id: "git-loss", match: { program: /^git$/, args: [/^clean$/, /^(-[a-zA-Z]*f|--force)/] } },
  { id: "git-push", match: { program: /^git$/, args: [/^push$/, FORCED_PUSH] } },
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

/** Whether a rule applies to a subject. */
export function applies({ match }: Rule, subject: Subject): boolean {
  const { program, args = [], option, path, write } = match;
  return (
    (program?.test(subject.program) ?? true) &&
    args.every((pattern) => subject.args.some((arg) => pattern.test(arg))) &&
    (option === undefined || subject.options.some((text) => option.test(text))) &&
    (path === undefined || subject.paths.some((text) => path.test(text))) &&
    (write === undefined || subject.writes.some((text) => write.test(text))) &&
    (match.when?.(subject) ?? true)
  );
}

/** `ps eww` shows environments, `ps -e` does not; letters behind an option are its value. */
function showsEnvironments({ args }: Subject): boolean {
  const isValue = (index: number): boolean =>
    /^(-[a-zA-Z]*[CGgoOpqstuUk]|--[^=]+)$/.test(args[index - 1] ?? "");
  const shows = (arg: string): boolean => /^([a-zA-Z]*e[a-zA-Z]*|-[a-zA-Z]*E[a-zA-Z]*)$/.test(arg);
  return args.some((arg, index) => shows(arg) && !isValue(index));
}

/** Process -1 is all of them, but a `-1` in front is signal 1. */
function killsEverything({ args }: Subject): boolean {
  return args.length === 1 ? args[0] === "-1" : args.slice(1).includes("-1");
}

function namesServer({ args, pid }: Subject): boolean {
  return args.some((arg) => /^-?\d+$/.test(arg) && Math.abs(Number(arg)) === pid);
}

function holdsProtected(subject: Subject): boolean {
  return subject.holdsProtected;
}

function losesRows({ args, input }: Subject): boolean {
  return [...args, input].some((text) => SQL_LOSS.test(text));
}

function isNoListing({ args }: Subject): boolean {
  return !args.includes("-l");
}
