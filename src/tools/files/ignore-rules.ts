import ignore, { type Ignore } from "ignore";

/** The `ignore` package remembers each path that it was asked about; past this many it starts afresh. */
const MAX_REMEMBERED = 10_000;
/** Each `*` multiplies what a hostile file name can make a match cost; real rules have one or two. */
const MAX_STARS = 4;

/** The rules of one .gitignore file. */
export class IgnoreRules {
  readonly #base: string;
  readonly #text: string;
  #matcher: Ignore;
  #asked = 0;

  /** `base` is the directory that holds the file, relative to the workspace: `""` or `a/b/`. */
  constructor(base: string, text: string) {
    this.#base = base;
    this.#text = text
      .split(/\r?\n/)
      .filter((line) => line.split("*").length - 1 <= MAX_STARS)
      .join("\n");
    this.#matcher = this.#fresh();
  }

  /** Whether the path (a directory's ends with `/`) is excluded or kept by name; undefined when no rule speaks of it. */
  decide(path: string): boolean | undefined {
    if (++this.#asked % MAX_REMEMBERED === 0) this.#matcher = this.#fresh();
    const { ignored, unignored } = this.#matcher.test(path.slice(this.#base.length));
    return ignored || unignored ? ignored : undefined;
  }

  #fresh(): Ignore {
    return ignore({ ignoreCase: false }).add(this.#text);
  }
}

/** Whether a path is excluded; the rules of deeper directories come later and win, as in git. */
export function isIgnored(rules: readonly IgnoreRules[], path: string): boolean {
  for (let at = rules.length - 1; at >= 0; at--) {
    const decision = rules[at]?.decide(path);
    if (decision !== undefined) return decision;
  }
  return false;
}
