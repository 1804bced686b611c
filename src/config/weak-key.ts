/** Shorter keys can be guessed. */
const MIN_LENGTH = 16;

/** As many characters must be left of a key when all that anybody would try first is taken out. */
const MIN_UNGUESSED = 8;

/** What sample keys are made of. Short words count only where they stand alone: chance makes them, too. */
const SHORT_WORDS = new Set(
  `a an in is it me my of or own put sk the to api app bar baz dev foo for hex key llm new one our set use xxx you
  base64 bot demo env here keys none null pass proj prod rand root some text this todo user with your`.split(
    /\s+/,
  ),
);
const LONG_WORDS = new RegExp(
  [
    "placeholder|replace|changeme|change|example|sample|dummy|default|insert|enter|fixme|none|null|value|string",
    "password|passw0rd|passwd|secret|super|token|apikey|api_?key|bearer|auth|private|public|random|generated?",
    "your|this|here|please|something|some|very|strong|long|secure|safe|mykey|openssl|uuidgen",
    "hermes|agent|server|openai|openrouter|anthropic|testing|test|demo|localhost|local|development|staging",
    "production|admin|guest|letmein|iloveyou|welcome|deadbeef|cafebabe|correct|horse|battery|staple",
    "qwertyuiop|qwerty|asdfghjkl|asdfgh|asdf|zxcvbnm|zxcv|1q2w3e4r5t6y|1q2w3e4r|q1w2e3r4|1qaz2wsx3edc|1qaz2wsx",
  ].join("|"),
  "g",
);

/** A shorter row of neighbours, such as `def`, may be chance. */
const MIN_ROW = 5;

/** Why a key is too weak where others can reach the server, or undefined. One that was made at random never is. */
export function findWeakness(key: string): string | undefined {
  const left = unguessed(key);
  const isShort = key.length < MIN_LENGTH;
  if (left === 0 || (!isShort && left < MIN_UNGUESSED)) return "a placeholder or easily guessed";
  return isShort ? `shorter than ${MIN_LENGTH} characters` : undefined;
}

/** The characters of a key that are neither in words of sample keys nor repeated nor counted up or down. */
function unguessed(key: string): number {
  const words = key.toLowerCase().split(/[^a-z0-9]+/);
  const rest = words.filter((word) => !SHORT_WORDS.has(word)).join("");
  const parts = rest.split(LONG_WORDS).map((part) => withoutRows(withoutRepeats(part)));
  return parts.join("").length;
}

/** `abcabcabc` is `abc`. */
function withoutRepeats(text: string): string {
  return text.replace(/(.{1,3}?)\1{2,}|(.{4,}?)\2+/g, "$1$2");
}

/** `x12345y` is `x1y`, and `x54321y` is `x5y`. */
function withoutRows(text: string): string {
  let kept = "";
  for (let at = 0; at < text.length; ) {
    const length = Math.max(rowLength(text, at, 1), rowLength(text, at, -1));
    kept += text.charAt(at);
    at += length >= MIN_ROW ? length : 1;
  }
  return kept;
}

function rowLength(text: string, start: number, step: 1 | -1): number {
  let end = start + 1;
  while (end < text.length && isNext(text.charCodeAt(end - 1), text.charCodeAt(end), step)) end++;
  return end - start;
}

/** After 9 comes 0, as on the keyboard. */
function isNext(code: number, next: number, step: 1 | -1): boolean {
  return next - code === step || (code === ZERO + 9 && next === ZERO && step === 1);
}

const ZERO = "0".charCodeAt(0);
