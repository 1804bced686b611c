import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** Encrypts texts that clients keep for the server: they can neither read nor change them. */
export interface TextCipher {
  /** Returns the encrypted text, always the same for the same text and owner; base64url. */
  encrypt(text: string, owner: string): string;
  /** Returns the text, or undefined for anything that this cipher did not encrypt for this owner. */
  decrypt(encrypted: string, owner: string): string | undefined;
}

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Creates a cipher from a secret; with another secret nothing can be decrypted. */
export function createTextCipher(secret: string): TextCipher {
  const derived = Buffer.from(hkdfSync("sha256", secret, "", "seal", 64));
  const [key, nonceKey] = [derived.subarray(0, 32), derived.subarray(32)];
  return {
    encrypt(text, owner) {
      // From the text itself, so that what is read again looks as it did.
      const nonce = createHmac("sha256", nonceKey)
        .update(`${owner}\n${text}`)
        .digest()
        .subarray(0, NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(owner));
      const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    decrypt(encrypted, owner) {
      const bytes = Buffer.from(encrypted, "base64url");
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
