import { hash, timingSafeEqual } from "node:crypto";

/** Who a key stands for; everything after authentication decides on this, never on a header. */
export interface Principal {
  /** Owns what its requests create; stays the same when the key is changed. */
  id: string;
  name: string;
}

/** Turns a bearer token into a principal. */
export interface KeyRing {
  /** The principal of a token, or undefined; takes the same time for every wrong token. */
  verify(token: string): Principal | undefined;
}

/** The principal of the server's own key: the person whose server it is. */
export const OWNER: Principal = { id: "owner", name: "owner" };

/** A key ring of one key. Only its digest is kept, and digests are compared, so lengths and prefixes tell nothing. */
export function createKeyRing(key: string): KeyRing {
  const expected = hash("sha256", key, "buffer");
  return {
    verify: (token) => (timingSafeEqual(hash("sha256", token, "buffer"), expected) ? OWNER : undefined),
  };
}
