import ignore, { type Ignore } from "ignore";

/** The `ignore` package remembers each path that it was asked about; past this many it starts afresh. */
const MAX_REMEMBERED = 10_000;
/** Compiled rules that are kept at a time, counted once for each matcher that has them. */
const MAX_COMPILED = 10_000;
/** Each `*` multiplies what a hostile file name can make a match cost; real rules have one or two. */
const MAX_STARS = 4;
/** Rules that every path is compared with; real files have some dozens, and thousands would use up any search's time. */
const MAX_GENERAL = 1_000;

/** A rule that ends in a plain name, or in `*.` and a plain ending: it can only match paths that end so. */
const NAMED = /^!?(?:[^\\[\]]*\/)?(\*\.[^\s\\/*?[\]!#.]+|[^\s\\/*?[\]!#]+)\/?\s*$/;

/** A line of a .gitignore file, and its place there: the last one that matches decides. */
interface Rule {
  line: string;
  place: number;
}

/**
 * The rules of one .gitignore file. A path is compared only with the rules that its name could match, since the package
 * tries one after the other, and some files list thousands of names.
 */
export class IgnoreRules {
  readonly #base: string;
  readonly #general: Rule[] = [];
  readonly #named = new Map<string, Rule[]>();
  readonly #matchers = new Map<string, Ignore>();
  #asked = 0;
  #compiled = 0;

  /** `base` is the directory that holds the file, relative to the workspace: `""` or `a/b/`. */
  constructor(base: string, text: string) {
    this.#base = base;
    for (const [place, line] of text.split(/\r?\n/).entries()) {
      if (line.split("*").length - 1 > MAX_STARS) continue;
      const [, name] = NAMED.exec(line) ?? [];
      const group = name === undefined ? this.#general : (this.#named.get(name) ?? []);
      if (name !== undefined) this.#named.set(name, group);
      if (name !== undefined || group.length < MAX_GENERAL) group.push({ line, place });
    }
  }

  /** Whether the path (a directory's ends with `/`) is excluded or kept by name; undefined when no rule speaks of it. */
  decide(path: string): boolean | undefined {
    if (++this.#asked % MAX_REMEMBERED === 0) this.#matchers.clear();
    const below = path.slice(this.#base.length);
    const { ignored, unignored } = this.#matcherFor(below).test(below);
    return ignored || unignored ? ignored : undefined;
  }

  /** The package looks at the directories on the way, too. */
  #matcherFor(path: string): Ignore {
    const keys: string[] = [];
    for (const name of path.split("/")) {
      const ending = `*${name.slice(name.lastIndexOf("."))}`;
      if (this.#named.has(name)) keys.push(name);
      if (this.#named.has(ending)) keys.push(ending);
    }
    const id = keys.join("/");
    return this.#matchers.get(id) ?? this.#compile(id, keys);
  }

  #compile(id: string, keys: readonly string[]): Ignore {
    const named = [...new Set(keys)].flatMap((key) => this.#named.get(key) ?? []);
    const rules = [...this.#general, ...named].sort((a, b) => a.place - b.place);
    if (this.#compiled + rules.length > MAX_COMPILED) {
      this.#matchers.clear();
      this.#compiled = 0;
    }
    this.#compiled += rules.length;
    const matcher = ignore({ ignoreCase: false }).add(rules.map(({ line }) => line));
    this.#matchers.set(id, matcher);
    return matcher;
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
