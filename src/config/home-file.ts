import { readFileSync } from "node:fs";
import { useAtStart } from "../files/at-start.ts";
import { Unreadable } from "../files/unreadable.ts";
import { ConfigError } from "./error.ts";

/** Settings that are longer are none. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * The text of a file of the home, without a byte order mark; undefined when there is none.
 * @throws Unreadable, or an error of the system, when it is there and cannot be read; `whyNot` puts both into words.
 */
export function homeFileText(file: string): string | undefined {
  try {
    return useAtStart(file, (fd, bytes) => {
      if (bytes > MAX_BYTES) throw new Unreadable("it is too big");
      return readFileSync(fd, "utf8").replace(/^\ufeff/, "");
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * The text of a file of the home; undefined when there is none.
 * @throws ConfigError when it is there and cannot be read.
 */
export function readHomeFile(file: string): string | undefined {
  try {
    return homeFileText(file);
  } catch (error) {
    throw new ConfigError(`${file} cannot be read (${whyNot(error)}).`);
  }
}

/** Why a file of the home cannot be read or written, in a few words. */
export function whyNot(error: unknown): string {
  if (error instanceof Unreadable) return error.message;
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
