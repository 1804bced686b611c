import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseEnv } from "node:util";
import { homeFileText } from "./home-file.ts";

/**
 * Keeps a secret of the server's own in the home's `.env`, for this user only, and gives the one that counts: another
 * process may have been faster since the configuration was read, and only one of the two will get to serve.
 * @throws Unreadable or Error of the system when the file cannot be read or written.
 */
export function keepInEnvFile(file: string, name: string, value: string): string {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const text = homeFileText(file) ?? "";
  const theirs = parseEnv(text)[name];
  if (theirs !== undefined && theirs !== "") return theirs;
  const isOther = (line: string) =>
    !line
      .trim()
      .replace(/^export\s+/, "")
      .match(new RegExp(`^${name}\\s*=`));
  const kept = text.split("\n").filter(isOther);
  while (kept.at(-1) === "") kept.pop();
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, [...kept, `${name}=${value}`, ""].join("\n"), { mode: 0o600 });
  chmodSync(temporary, 0o600);
  renameSync(temporary, file);
  return value;
}
