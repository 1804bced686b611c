/** A place in a text, and the ways a shell's reader moves on from it; what never closes goes on to the end. */
export class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The character `ahead` of the place, or `""` after the end. */
  peek(ahead = 0): string {
    return this.text[this.at + ahead] ?? "";
  }

  /** The first of the texts that stands at `at`. */
  startOf(texts: readonly string[], at = this.at): string | undefined {
    return texts.find((text) => this.text.startsWith(text, at));
  }

  /** Where the text comes next, or the end. */
  find(text: string, from = this.at): number {
    const index = this.text.indexOf(text, from);
    return index < 0 ? this.text.length : index;
  }

  /** Takes what a sticky pattern matches here, which may be nothing. */
  take(sticky: RegExp): string {
    sticky.lastIndex = this.at;
    const taken = sticky.exec(this.text)?.[0] ?? "";
    this.at += taken.length;
    return taken;
  }

  /** Takes the text up to a closing character, and moves behind it. */
  takeUntil(close: string): string {
    const start = this.at;
    const end = this.find(close);
    this.at = end + 1;
    return this.text.slice(start, end);
  }

  /** The same where a backslash guards the character after it. */
  takeUntilUnescaped(close: string): string {
    const start = this.at;
    while (this.at < this.text.length && this.peek() !== close) this.at += this.peek() === "\\" ? 2 : 1;
    return this.text.slice(start, this.at++);
  }

  /** Takes the inside of brackets up to the one that closes them, quotes regarded, and moves behind it. */
  takeBalanced(): string {
    const start = this.at;
    let depth = 1;
    for (; this.at < this.text.length; this.at++) {
      const char = this.peek();
      if (char === "\\") this.at++;
      else if (char === "'" || char === '"') this.#skipQuotes(char);
      else if (char === "(") depth++;
      else if (char === ")" && --depth === 0) break;
    }
    return this.text.slice(start, this.at++);
  }

  /** Moves onto the closing quote. */
  #skipQuotes(quote: string): void {
    for (this.at++; this.at < this.text.length && this.peek() !== quote; this.at++) {
      if (quote === '"' && this.peek() === "\\") this.at++;
    }
  }
}
