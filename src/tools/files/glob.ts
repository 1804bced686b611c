const MAX_ALTERNATIVES = 256;
const MAX_BRACE_CHARS = 1_000;

const STAR = Symbol("*");
const ANY_SEGMENTS = Symbol("**");

type Token = typeof STAR | ((char: string) => boolean);
type Segment = typeof ANY_SEGMENTS | Token[];

/** Whether a path, with `/` between its segments, matches. */
export type PathMatcher = (path: string) => boolean;

/**
 * Compiles a glob: `*` and `?` within a segment, `**` over segments, `[a-z]`, `[!a-z]`, `{a,b}`. A leading dot is
 * nothing special. Matching costs at most pattern length × path length; a regular expression could be made to
 * backtrack without end by the model that writes the glob.
 */
export function compileGlob(glob: string): PathMatcher {
  if (glob === "**") return () => true;
  const patterns = expandBraces(glob).map((text) => text.split("/").map(parseSegment));
  return (path) => {
    const segments = path.split("/");
    return patterns.some((pattern) => matchesPath(pattern, segments));
  };
}

/**
 * The texts that `{a,b}` groups stand for, in order. Past `max` of them, and in a text of more than 1,000 characters,
 * groups stay as they are.
 */
export function expandBraces(text: string, max = MAX_ALTERNATIVES): string[] {
  if (text.length > MAX_BRACE_CHARS) return [text];
  const done: string[] = [];
  const open = [text];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const group = open.length + done.length < max ? firstGroup(next) : undefined;
    if (group === undefined) done.push(next);
    else open.push(...group.reverse());
  }
  return done;
}

/** The text once per alternative of its first `{…,…}`. */
function firstGroup(text: string): string[] | undefined {
  for (let start = text.indexOf("{"); start >= 0; start = text.indexOf("{", start + 1)) {
    const commas = commasOfGroup(text, start);
    if (commas === undefined) continue;
    const before = text.slice(0, start);
    const after = text.slice((commas.at(-1) ?? start) + 1);
    return commas.map((end, index) => {
      const from = index === 0 ? start : (commas[index - 1] ?? start);
      return before + text.slice(from + 1, end) + after;
    });
  }
  return undefined;
}

/** Where the alternatives of the group that opens at `start` end, or undefined when it is no group. */
function commasOfGroup(text: string, start: number): number[] | undefined {
  const ends: number[] = [];
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "," && depth === 1) ends.push(at);
    else if (char === "}" && --depth === 0) return ends.length === 0 ? undefined : [...ends, at];
  }
  return undefined;
}

function parseSegment(text: string): Segment {
  if (text === "**") return ANY_SEGMENTS;
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const [token, length] = tokenAt(text, at);
    if (token !== STAR || tokens.at(-1) !== STAR) tokens.push(token);
    at += length;
  }
  return tokens;
}

function tokenAt(text: string, at: number): [token: Token, length: number] {
  const char = text[at] ?? "";
  if (char === "*") return [STAR, 1];
  if (char === "?") return [() => true, 1];
  if (char === "\\" && at + 1 < text.length) return [literal(text[at + 1] ?? ""), 2];
  const end = char === "[" ? text.indexOf("]", at + 2) : -1;
  return end < 0 ? [literal(char), 1] : [charClass(text.slice(at + 1, end)), end - at + 1];
}

function literal(expected: string): Token {
  return (char) => char === expected;
}

function charClass(body: string): Token {
  const negated = body.startsWith("!") || body.startsWith("^");
  const ranges = [...body.slice(negated ? 1 : 0).matchAll(/(.)-(.)|(.)/gs)].map(
    ([, from, to, single]): [string, string] => [from ?? single ?? "", to ?? single ?? ""],
  );
  return (char) => ranges.some(([from, to]) => char >= from && char <= to) !== negated;
}

/** Moves all positions that the pattern can be at one path segment forward at a time. */
function matchesPath(pattern: Segment[], segments: string[]): boolean {
  let positions = withSkippedStars(pattern, new Set([0]));
  for (const segment of segments) {
    const next = new Set<number>();
    for (const position of positions) {
      const expected = pattern[position];
      if (expected === ANY_SEGMENTS) next.add(position).add(position + 1);
      else if (expected !== undefined && matchesSegment(expected, segment)) next.add(position + 1);
    }
    if (next.size === 0) return false;
    positions = withSkippedStars(pattern, next);
  }
  return positions.has(pattern.length);
}

/** `**` may also stand for no segment, but not at the end. The set grows while it is walked, for runs of `**`. */
function withSkippedStars(pattern: Segment[], positions: Set<number>): Set<number> {
  for (const position of positions) {
    if (pattern[position] === ANY_SEGMENTS && position + 1 < pattern.length) positions.add(position + 1);
  }
  return positions;
}

/** On a mismatch only the last `*` needs to take one character more; earlier ones never do. */
function matchesSegment(tokens: Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starEnd = 0;
  while (at < text.length) {
    const expected = tokens[token];
    if (expected === STAR) {
      star = token++;
      starEnd = at;
    } else if (expected?.(text[at] ?? "")) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++starEnd;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === STAR);
}
