/** How many texts are kept: a server has few core prompts at a time. */
const MAX_TEXTS = 32;

/**
 * Remembers the JSON form of long texts that are sent again and again, for example the core prompt of a session:
 * a 16 KB prompt costs 25 µs to escape and almost nothing to look up.
 */
export function createJsonTexts(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const json = JSON.stringify(text);
    const oldest = known.size < MAX_TEXTS ? undefined : known.keys().next().value;
    if (oldest !== undefined) known.delete(oldest);
    known.set(text, json);
    return json;
  };
}
