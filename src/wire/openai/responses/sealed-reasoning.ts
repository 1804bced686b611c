import { ItemBody, type ReasoningBody } from "../../../domain/item.ts";
import { parseJsonObject } from "../../../lib/json.ts";
import type { TextCipher } from "../../../lib/text-cipher.ts";

/** The value of `include` that asks for it. */
export const ENCRYPTED_REASONING = "reasoning.encrypted_content";

/**
 * A reasoning item's `encrypted_content`: what its maker wants back, with the words that it is a signature of. Null
 * where the maker gave none.
 */
export function encryptReasoning(
  { summary, maker }: ReasoningBody,
  cipher: TextCipher,
  owner: string,
): string | null {
  return maker === undefined ? null : cipher.encrypt(JSON.stringify({ summary, maker }), owner);
}

/** The reasoning behind an `encrypted_content`; undefined for one that this server did not make for this owner. */
export function decryptReasoning(
  sealed: string,
  cipher: TextCipher,
  owner: string,
): ReasoningBody | undefined {
  const text = sealed === "" ? undefined : cipher.decrypt(sealed, owner);
  if (text === undefined) return undefined;
  const item = ItemBody.safeParse({ ...parseJsonObject(text), type: "reasoning" }).data;
  return item?.type === "reasoning" ? item : undefined;
}
