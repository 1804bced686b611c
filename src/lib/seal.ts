import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** Hands texts out that only their maker can read and nobody can change. */
export interface Seal {
  /** The sealed text, always the same for the same text and owner; base64url. */
  close(text: string, owner: string): string;
  /** The text behind a seal; undefined for anything that this seal did not make for this owner. */
  open(sealed: string, owner: string): string | undefined;
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A seal that lasts as long as its secret. */
export function createSeal(secret: string): Seal {
  const derived = Buffer.from(hkdfSync("sha256", secret, "", "seal", 64));
  const [key, nonceKey] = [derived.subarray(0, 32), derived.subarray(32)];
  return {
    close(text, owner) {
      // From the text itself, so that what is read again looks as it did.
      const nonce = createHmac("sha256", nonceKey)
        .update(`${owner}\n${text}`)
        .digest()
        .subarray(0, NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(owner));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    open(sealed, owner) {
      const bytes = Buffer.from(sealed, "base64url");
      const body = NONCE_BYTES + TAG_BYTES;
      if (bytes.length <= body) return undefined;
      try {
        const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(owner))
          .setAuthTag(bytes.subarray(NONCE_BYTES, body));
        return Buffer.concat([decipher.update(bytes.subarray(body)), decipher.final()]).toString("utf8");
      } catch {
        return undefined;
      }
    },
  };
}
