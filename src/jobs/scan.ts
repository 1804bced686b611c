import { invalidRequest } from "../domain/error.ts";

/** Characters that nobody types who can see them: zero-width and direction characters, tags, and other controls. */
const INVISIBLE =
  /[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\u{e0000}-\u{e007f}]|(?![\n\t\r])\p{Cc}/u;

/** Sentences that turn an agent against its instructions, or send secrets away. */
const HOSTILE: readonly [pattern: RegExp, what: string][] = [
  [
    /\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|system)\b[^.\n]{0,20}\b(?:instructions?|prompts?|rules?|guidelines)\b/i,
    "asks to ignore instructions",
  ],
  [
    /\b(?:do not|don't|never) (?:tell|inform|show|mention to) the (?:user|owner|operator)\b/i,
    "asks to hide something from the user",
  ],
  [
    /\b(?:curl|wget|nc|fetch)\b[^\n]{0,200}\$\{?\w*(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL)/i,
    "sends a secret away",
  ],
  [
    /\b(?:cat|less|head|tail|cp|base64|xxd)\b[^\n]{0,80}(?:\.env\b|\.netrc\b|id_(?:rsa|ed25519)\b|credentials\b)/i,
    "reads credentials",
  ],
  [/\bauthorized_keys\b/i, "changes who may log in"],
];

/**
 * Refuses a prompt that a person would not have written. Checked when a job is created, changed and executed, because
 * it runs when nobody is there.
 * @throws ApiError 400 with what was found.
 */
export function scanPrompt(prompt: string, param: string): void {
  const found = findingIn(prompt);
  if (found !== undefined)
    throw invalidRequest(param, `'${param}' was refused: it ${found}.`, "prompt_refused");
}

/** Returns what is wrong with a prompt, in words; undefined if nothing is. */
export function findingIn(prompt: string): string | undefined {
  if (INVISIBLE.test(prompt)) return "has invisible characters";
  return HOSTILE.find(([pattern]) => pattern.test(prompt))?.[1];
}
