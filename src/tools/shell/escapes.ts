const ESCAPE = /\\(x[\da-fA-F]{1,2}|u[\da-fA-F]{1,4}|U[\da-fA-F]{1,8}|0?[0-7]{1,3}|.)/gs;
const CONTROLS: Record<string, string> = { n: "\n", t: "\t", r: "\r", e: "\x1b", a: "", b: "", f: "", v: "" };

/** What `$'…'`, `echo -e` and `printf` make of backslashes. */
export function decodeEscapes(text: string): string {
  return text.replace(ESCAPE, (_, code: string) => {
    if (/^[xu]./i.test(code)) return decodeCharacter(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return decodeCharacter(Number.parseInt(code, 8));
    return CONTROLS[code] ?? code;
  });
}

function decodeCharacter(code: number): string {
  return code <= 0x10_ffff ? String.fromCodePoint(code) : "";
}
