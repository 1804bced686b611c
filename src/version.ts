import { readFileSync } from "node:fs";

/** This program's version, from its package. */
export const VERSION: string = packageVersion();

function packageVersion(): string {
  // One level up from the sources, and from the built program.
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
