import { isUtf8 } from "node:buffer";

/** What our summaries begin with; another number for another form. */
const FORM = "hermes1_";

/** A summary as a `compaction` item holds it: opaque to clients, and all that is needed to read it again. */
export function packSummary(text: string): string {
  return FORM + Buffer.from(text).toString("base64url");
}

/** The summary in a `compaction` item, or undefined when it is none of ours. */
export function readSummary(content: string): string | undefined {
  const packed = content.startsWith(FORM) ? content.slice(FORM.length) : "";
  if (!/^[\w-]+$/.test(packed)) return undefined;
  const bytes = Buffer.from(packed, "base64url");
  // Not padded, so only what was cut or changed comes back as something else.
  return isUtf8(bytes) && bytes.toString("base64url") === packed ? bytes.toString() : undefined;
}
