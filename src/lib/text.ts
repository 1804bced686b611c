/**
 * Keeps the head and the tail of an over-long text and says how much is missing between them; lengths in characters. A
 * pair of surrogates that the cut goes through is replaced: upstreams refuse a request that holds half of one.
 */
export function headAndTail(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = Math.ceil(maxChars * 0.6);
  const tail = maxChars - head;
  const cut = text.length - head - tail;
  const [first, last] = [text.slice(0, head), text.slice(text.length - tail)];
  return `${first}\n[... ${cut} characters left out ...]\n${last}`.toWellFormed();
}

/** The first line of a text, cut to `maxChars`; for labels and logs. */
export function firstLine(text: string, maxChars: number): string {
  const line = text.trimStart().split("\n", 1)[0] ?? "";
  return firstChars(line, maxChars);
}

/** A text, cut to `maxChars`. */
export function firstChars(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${text.slice(0, maxChars - 1).toWellFormed()}…`;
}

/** Whether a text holds what cannot be seen and can end a line: U+0000 to U+001F, and U+007F. */
export function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Of what a client sent, an error repeats no more characters. */
const MAX_REPEATED_CHARS = 64;

/** A client's text as an error repeats it: cut. */
export function shown(text: string): string {
  return firstChars(text, MAX_REPEATED_CHARS);
}

/** The same in quotation marks, with what cannot be seen escaped. */
export function quoted(text: string): string {
  return JSON.stringify(shown(text));
}
