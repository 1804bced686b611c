/**
 * What rules match: the names of files, programs and options. Files are named as `Places` does. Patterns meet text of
 * any length, so they must match in linear time.
 */

const SYSTEM_DIRECTORIES =
  "bin|boot|dev|etc|home|lib\\d*|opt|proc|root|run|sbin|srv|sys|usr(/(s?bin|lib\\d*|share|local|include))?" +
  "|var(/(lib|log|spool|mail|cache))?|Applications|Library|System|Users|Volumes";
/** The root, a system directory, a home, the server's directory: itself or all that is in it. */
export const VITAL = new RegExp(
  `^(~|@hermes|/(${SYSTEM_DIRECTORIES})?|/(home|Users)/[^/]+|/[^/]*[*?[][^/]*)(/?[*.?]+)*/?$`,
);
export const DEVICE = /^\/dev\/(sd|hd|vd|xvd|nvme|mmcblk|md\d|dm-|loop|mapper\/|disk|rdisk|mem$|kmem$|port$)/;
export const FOREIGN_PROCESS =
  /^\/proc\/(?!(thread-)?self(\/|$))([^/]+\/)?(task\/[^/]+\/)?(environ|mem|fd|root|cwd|maps|map_files)(\/|$)/;
/** The same behind a glob, or reached from `/dev/fd/..`, which is in /proc. */
export const HIDDEN_PROCESS = /^\/([^/]*[*?[][^/]*\/[^/]+|\d+)\/(task\/[^/]+\/)?(environ|mem|map_files)$/;
export const SYSTEM_FILES = /^\/(bin|boot|lib\d*|sbin|usr|sys|proc\/sys|var\/spool\/cron)(\/|$)/;
export const KEYS =
  /^~\/\.(ssh|gnupg|aws|kube)(\/|$)|(^|\/)\.env(\.(local|development|test|staging|production))?$/;

/** What runs at a log-in, or in place of a program that is typed. */
export const STARTUP_FILES = new RegExp(
  "^~/(" +
    "\\.(bash_?(rc|profile|login|logout|aliases)|profile|zshrc|zshenv|zprofile|zlogin|zlogout|kshrc|[ct]?cshrc|login)" +
    "|\\.(inputrc|xinitrc|xprofile|xsession(rc)?|pam_environment|gitconfig|vimrc|exrc|emacs|npmrc|pythonrc(\\.py)?)" +
    "|\\.(vim|emacs\\.d|oh-my-zsh)(/.*)?" +
    "|\\.config/(autostart|environment\\.d|fish|systemd|git|pip|nvim)(/.*)?" +
    "|(\\.local/)?bin(/.*)?|Library/Launch(Agents|Daemons)(/.*)?" +
    ")$",
  "is",
);
/** Files of a project that programs run by themselves, or that name programs to run, at any depth. */
export const PROJECT_STARTUP = new RegExp(
  "(^|/)(" +
    // git and its hooks
    "\\.git|\\.git/(config(\\.worktree)?|hooks(/.*)?|info/attributes|modules/.*)|\\.git(modules|hooks(/.*)?)" +
    "|\\.husky(/.*)?|\\.?lefthook(-local)?\\.(ya?ml|toml|json)|\\.pre-commit-(config|hooks)\\.ya?ml" +
    // editors
    "|\\.vscode/(tasks|launch|settings|extensions|mcp)\\.json|[^/]+\\.code-workspace" +
    "|\\.idea/(runConfigurations(/.*)?|workspace\\.xml|externalTools\\.xml|tools(/.*)?)|\\.run/[^/]+\\.xml" +
    "|\\.zed/(tasks|settings|debug)\\.json|\\.devcontainer(\\.json|/.+)|\\.(n?vimrc|exrc|nvim\\.lua|dir-locals\\.el)" +
    // continuous integration
    "|\\.(github|gitea|forgejo)/(workflows|actions)(/.*)?|\\.gitlab-ci\\.ya?ml|\\.gitlab/ci(/.*)?|\\.circleci(/.*)?" +
    "|\\.(travis|drone|appveyor|cirrus|woodpecker)\\.ya?ml|\\.(woodpecker|buildkite|teamcity|semaphore)(/.*)?" +
    "|jenkinsfile(\\.[^/]+)?|azure-pipelines\\.ya?ml|\\.azure-pipelines(/.*)?|bitbucket-pipelines\\.ya?ml" +
    "|appveyor\\.yml|cloudbuild\\.ya?ml|buildspec\\.ya?ml" +
    // shells, package managers, debuggers
    "|\\.envrc|\\.npmrc|\\.yarnrc(\\.ya?ml)?|\\.pnpmfile\\.c?js|pip\\.conf|\\.cargo/config(\\.toml)?|\\.gdbinit|\\.lldbinit" +
    "|\\.?mise(\\.local)?\\.toml|\\.mcp\\.json" +
    ")$",
  "is",
);
/** What agents and assistants read as their instructions, and the directories that they are set up by. */
export const INSTRUCTIONS = new RegExp(
  "(^|/)(" +
    "(agents?|claude|gemini|\\.?hermes|qwen|codex|crush|warp|copilot-instructions)(\\.(local|override))?\\.md" +
    "|\\.(cursor|windsurf|cline|roo|goose|kilocode)(rules|hints)(-[^/]+)?(/.*)?|\\.aider\\.conf\\.ya?ml" +
    "|\\.github/(instructions|prompts|chatmodes|agents|skills)(/.*)?" +
    "|\\.(agents?|claude|codex|gemini|cursor|windsurf|cline|roo|kilocode|amazonq|junie|goose|opencode)(/.*)?" +
    ")$",
  "is",
);

export const RECURSIVE = /^(-[a-zA-Z]*[rR]|--r)/;
export const DELETER = /^(\S*\/)?(rm|shred|unlink|rmdir)$/;
export const EXECUTES = /^(-exec|-execdir|-ok|-okdir|-x|-X|--exec.*)$/;
export const POWER = /^(poweroff|reboot|halt|kexec|rescue|emergency|suspend|hibernate)$/;
export const SERVICES = /^(systemctl|service|launchctl|rc-service)$/;
export const STOPS = /^(stop|disable|mask|kill|unload|bootout|remove)$/;
export const OURS = /^hermes/i;
/** The server's program as others start it, and what it manages the server with. */
export const OUR_FILE = /^(\S*\/)?hermes(-api-server)?(@\S*|\.[jt]s)?$/i;
export const STARTS_OTHERS = /^(npx|npm|pnpm|pnpx|yarn|bunx?|deno|node|nodejs)$/;
export const MANAGES = /^(jobs|cron|backup|operator-key)$/;
export const WORLD_WRITABLE = /^([0-7]{2,4}[2367]|[ugo]*[ao][ugoa]*[+=][rxXst]*w.*)$/;
export const ROOT_OWNER = /^((root|0)(:.*)?|:(root|0))$/;
export const SQL_CLIENT =
  /^(psql|mysql|mariadb|sqlite3?|sqlcmd|clickhouse(-client)?|duckdb|cockroach|isql|usql)$/;
export const SQL_LOSS =
  /\b(drop\s+(table|database|schema|index|view|user|role)|truncate\s+(table\s+)?\w|delete\s+from\s+[^\s;]+\s*(;|$))/i;
/** A command of the client that hands a text to a shell. */
export const SQL_SHELL = /^\s*(\\!|\.(shell|system)\b|system\b)/m;
export const DEBUGGER = /^(gdb|lldb|strace|ltrace|gcore|reptyr|perf|bpftrace|py-spy)$/;
export const COPIES_ALL = /^(-[a-zA-Z]*[rRa]|--recursive|--archive|--dereference-recursive)/;
export const LOOKS_ONLY =
  /^(|ls|cd|pushd|stat|du|df|test|\[|echo|printf|mkdir|realpath|readlink|basename|dirname|file|export)$/;
/** awk starts programs by `system`, by pipes to and from them, and by coprocesses. */
export const AWK_RUNS = /\bsystem\s*\(|\|\s*"|\|&|\|\s*getline/;
export const OTHER_INTERPRETER =
  /^(julia|erl|elixir|iex|groovy|scala|swift|clojure|clj|guile|racket|sbcl|clisp|octave|ghc|runghc|expect|tclsh|pwsh|powershell|gnuplot|nix-shell)[\d.]*$/;
export const OTHER_EVAL = /^(-e|-E|-c|--?(eval|exec|execute|[cC]ommand|EncodedCommand|print|run))(=.*)?$/;
export const SERVES_FILES = /^(python[\d.]*|php[\d.]*|npx|busybox|ruby)$/;
export const SERVES = /^(http\.server|SimpleHTTPServer|-S|serve|http-server|httpd|-run)$/;
export const EDITOR = /^(n?vim?|view|ex|vimdiff|gvim|emacs(client)?|nano|micro|kak|hx)$/;
export const EDITOR_CODE = /^(-c|-S|--cmd|--?eval|--?execute|--?load|--?funcall|\+(?!\/).*\D.*)$/;

/** Options of git that name a program, and settings that do. */
export const GIT_PROGRAM =
  /^(--(upload-pack|receive-pack|exec-path|template|open-files-in-pager)=.*|--(upload-pack|receive-pack|open-files-in-pager|ext-diff|textconv)|-O\S+)$/;
const GIT_KEY =
  "(alias|pager|include|includeif)\\..+|core\\.(pager|editor|sshcommand|fsmonitor|hookspath|askpass|gitproxy|alternaterefscommand)" +
  "|(diff|difftool|mergetool|man|browser|trailer)\\..+\\.(command|cmd|textconv|path)|diff\\.external|merge\\..+\\.driver" +
  "|filter\\..+\\.(clean|smudge|process)|credential\\.(.+\\.)?helper|gpg\\.(.+\\.)?program|sequence\\.editor" +
  "|interactive\\.difffilter|init\\.templatedir|uploadpack\\.packobjectshook|protocol\\..*allow" +
  "|remote\\..+\\.(vcs|uploadpack|receivepack)|submodule\\..+\\.update|sendemail\\..*cmd";
const GIT_HARMLESS = "(cat|less|more|true|false|always|never|user|/dev/null|:)?";
/** `-c key=value`; an alias runs a program only with `!`. */
export const GIT_CODE = new RegExp(`^(?!alias\\.[\\w-]+=[^!])(${GIT_KEY})=(?!${GIT_HARMLESS}$)|^ext::`, "i");
export const SSH_COMMAND = /(^|\b-o\s?|\s)(Proxy|Local|Remote|KnownHosts)Command\b/i;
/** The whole machine's processes, devices or disk. */
export const CONTAINER_RIGHTS =
  /^(--privileged(=true)?|--(pid|ipc|userns|uts|cgroupns)=host|--cap-add(=.*)?|--device(=.*)?|(--volume=|-v)?\/(var\/run\/docker\.sock|etc|proc|root|home)?:.*|.*(source|src)=\/(,.*)?)$/;
export const FORCED_PUSH = /^(-[a-z]*[fd][a-z]*|--force.*|--mirror|--delete|\+.+|:.+)$/;

/** A variable, with its value, that loads code into programs or makes them run others. */
export const CODE_VARIABLE = new RegExp(
  "^((LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|BASH_ENV|PERL5(OPT|DB)|PYTHONSTARTUP|LESS(OPEN|CLOSE))=." +
    "|(TAR_OPTIONS|RIPGREP_CONFIG_PATH|GIT_(EXEC_PATH|TEMPLATE_DIR|CONFIG_(COUNT|PARAMETERS|KEY_\\d+|VALUE_\\d+)))=." +
    "|GIT_CONFIG(_GLOBAL|_SYSTEM)?=(?!/dev/null$)." +
    "|(NODE_OPTIONS|RUBYOPT|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS)=([^\\s]+\\s+)*-(r|-require|-import|-(experimental-)?loader|javaagent|agent))",
  "s",
);
