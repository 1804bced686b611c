import { Reader, type ReaderOptions } from "../../src/files/reader.ts";
import { Protection } from "../../src/tools/files/protection.ts";

/** A reader that keeps these paths secret. */
export function readerOf(secrets: readonly string[] = [], options: Partial<ReaderOptions> = {}): Reader {
  return new Reader({ secrets: new Protection(secrets), ...options });
}
