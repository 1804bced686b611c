import { hash, timingSafeEqual } from "node:crypto";
import { operatorKeyNeeded } from "../domain/error.ts";

/** The request header that brings the operator key. */
const OPERATOR_HEADER = "X-Hermes-Operator-Key";

/** Lets a request pass that only the operator may send. @throws ApiError 403 for any other. */
export type OperatorGate = (headers: Readonly<Record<string, string | string[] | undefined>>) => void;

/** The gate for a key with this digest (SHA-256, hex); undefined: whoever has the server's key may pass. */
export function createOperatorGate(digest: string | undefined): OperatorGate {
  if (digest === undefined) return () => {};
  const expected = Buffer.from(digest, "hex");
  return (headers) => {
    const given = headers[OPERATOR_HEADER.toLowerCase()];
    const isGiven = typeof given === "string" && given !== "";
    if (!isGiven || !timingSafeEqual(hash("sha256", given, "buffer"), expected))
      throw operatorKeyNeeded(isGiven);
  };
}
