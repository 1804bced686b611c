/** Keeps the head and the tail of an over-long text and says how much is missing between them; lengths in characters. */
export function headAndTail(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const head = Math.ceil(maxChars * 0.6);
  const tail = maxChars - head;
  const cut = text.length - head - tail;
  return `${text.slice(0, head)}\n[... ${cut} characters left out ...]\n${text.slice(text.length - tail)}`;
}

/** The first line of a text, cut to `maxChars`; for labels and logs. */
export function firstLine(text: string, maxChars: number): string {
  const line = text.trimStart().split("\n", 1)[0] ?? "";
  return line.length <= maxChars ? line : `${line.slice(0, maxChars - 1)}…`;
}
