import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ConfigError } from "./error.ts";

/** `PRAGMA application_id` of a database that is ours ("HRMS"). */
export const APPLICATION_ID = 0x48524d53;

/** Where one profile keeps its things; every path is absolute. */
export interface Home {
  path: string;
  /** The profile's name under `-p`, else undefined. */
  profile: string | undefined;
  configFile: string;
  envFile: string;
  soulFile: string;
  databaseFile: string;
  /** True when another program's state.db lives here: the home is shared and must stay unharmed. */
  shared: boolean;
}

const PROFILE_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/i;

/**
 * Finds a profile's home: `$HERMES_HOME` (default `~/.hermes`), or `profiles/<name>` below it.
 * @throws ConfigError when the profile's name is not one, or a database there cannot be looked into.
 */
export function findHome(env: NodeJS.ProcessEnv, profile?: string): Home {
  const base = resolve(env["HERMES_HOME"] || join(homedir(), ".hermes"));
  if (profile !== undefined && !PROFILE_NAME.test(profile)) {
    throw new ConfigError(`"${profile}" is no profile name: use letters, digits, "-" and "_", 64 at most.`);
  }
  const path = profile === undefined ? base : join(base, "profiles", profile);
  const state = join(path, "state.db");
  const shared = existsSync(state) && applicationId(state) !== APPLICATION_ID;
  return {
    path,
    profile,
    configFile: join(path, "config.yaml"),
    envFile: join(path, ".env"),
    soulFile: join(path, "SOUL.md"),
    databaseFile: shared ? join(path, "api-server.db") : state,
    shared,
  };
}

const APPLICATION_ID_OFFSET = 68;

/** Reads the id from the file's header: opening a foreign database could change it. An empty file may become ours. */
function applicationId(file: string): number {
  let fd: number | undefined;
  try {
    fd = openSync(file, "r");
    const header = Buffer.alloc(100);
    const length = readSync(fd, header, 0, header.length, 0);
    return length === 0 ? APPLICATION_ID : header.readUInt32BE(APPLICATION_ID_OFFSET);
  } catch (error) {
    throw new ConfigError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Files of a home that no tool may ever read or write. */
export function protectedPaths(home: Home): string[] {
  const databases = ["state.db", "api-server.db"].map((name) => join(home.path, name));
  const files = databases.flatMap((file) => [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]);
  return [home.envFile, ...files, join(home.path, "keys")];
}
