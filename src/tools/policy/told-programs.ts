/** Variables whose value is shell text that programs run: a pager, an editor, a way to another machine. */
const RUN_VARIABLE =
  /^(GIT_(SSH(_COMMAND)?|EDITOR|SEQUENCE_EDITOR|PAGER|ASKPASS|PROXY_COMMAND|EXTERNAL_DIFF)|(MAN|BAT_|DELTA_|SYSTEMD_)?PAGER|EDITOR|VISUAL|FCEDIT|SUDO_EDITOR|SVN_EDITOR|HGEDITOR|BROWSER|SSH_ASKPASS|SUDO_ASKPASS|RSYNC_RSH|CVS_RSH|SVN_SSH|PROMPT_COMMAND|RUSTC_WRAPPER)$/;

/** Options of programs whose value is shell text that they run. */
const RUN_OPTIONS: Readonly<Record<string, RegExp>> = {
  tar: /^(-I|--use-compress-program|--to-command|--rsh-command|--info-script|--new-volume-script|--checkpoint-action)$/,
  rsync: /^(-e|--rsh)$/,
  git: /^(-x|--exec|--extcmd|--upload-pack|--receive-pack)$/,
  rg: /^--pre$/,
  split: /^--filter$/,
  sort: /^--compress-program$/,
  man: /^(-P|--pager)$/,
  ssh: /^-o$/,
  scp: /^(-o|-S)$/,
  zip: /^(-TT|--unzip-command)$/,
};

/** Options that have no other use than to run something for each file, volume or when it waits. */
const ODD_OPTIONS: Readonly<Record<string, RegExp>> = {
  tar: /^--(to-command|rsh-command|info-script|new-volume-script|checkpoint-action=exec)/,
  rg: /^--(pre|hostname-bin)(=|$)/,
  rsync: /^--rsync-path/,
  sort: /^--compress-program/,
  split: /^--filter/,
  tcpdump: /^(-z.*|--postrotate-command.*)$/,
  wget: /^--use-askpass/,
  zip: /^(-TT|--unzip-command)/,
};

/** Whether an option tells a program to run another one, and such a use is rare enough to ask about. */
export function namesProgram({ program, args }: { program: string; args: readonly string[] }): boolean {
  const option = Object.hasOwn(ODD_OPTIONS, program) ? ODD_OPTIONS[program] : undefined;
  return option !== undefined && args.some((arg) => option.test(arg));
}

/** The shell text in the value of a variable that tells programs what to run. */
export function scriptInVariable(text: string): string[] {
  const equals = text.indexOf("=");
  return equals > 0 && RUN_VARIABLE.test(text.slice(0, equals)) ? [text.slice(equals + 1)] : [];
}

/** The shell text in options that tell a program what to run. */
export function scriptsInOptions(program: string, args: readonly string[]): string[] {
  const option = Object.hasOwn(RUN_OPTIONS, program) ? RUN_OPTIONS[program] : undefined;
  if (option === undefined) return [];
  return args.flatMap((arg, index) => {
    const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const isLong = equals > 0 && option.test(arg.slice(0, equals));
    const value = isLong ? arg.slice(equals + 1) : option.test(arg) ? (args[index + 1] ?? "") : "";
    const text = value.replace(/^exec=|^\w*Command[\s=]/i, "");
    return text === "" ? [] : [text];
  });
}

/** What git is told to run for each commit, step or submodule. */
export function scriptsOfGit(args: readonly string[]): string[] {
  const behind = (first: string, second: string): string[] => {
    const at = args.findIndex((arg, index) => arg === second && args[index - 1] === first);
    return at < 0
      ? []
      : [
          args
            .slice(at + 1)
            .filter((arg) => !arg.startsWith("--"))
            .join(" "),
        ];
  };
  return [...behind("bisect", "run"), ...behind("submodule", "foreach")];
}

const THIS_MACHINE = /^([^@]{0,64}@)?(localhost|127\..*|\[?::1\]?|0(\.0\.0\.0)?)$/;

/** The command that `ssh` runs on this very machine. */
export function scriptsOfSsh(args: readonly string[]): string[] {
  const host = args.findIndex((arg) => THIS_MACHINE.test(arg));
  return host < 0 ? [] : [args.slice(host + 1).join(" ")];
}

/** Whether a program prints the names of what lies below a directory. */
export function listsNames(program: string, args: readonly string[]): boolean {
  if (program === "rg" || program === "fd" || program === "find") return true;
  return program === "ls" && args.some((arg) => /^-[a-zA-Z]*R/.test(arg));
}
