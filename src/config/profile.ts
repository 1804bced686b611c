import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { useAtStart } from "../files/at-start.ts";
import { databaseOwner } from "../lib/database-header.ts";
import { ConfigError } from "./error.ts";
import { whyNot } from "./home-file.ts";

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
  const shared = existsSync(state) && isForeign(state);
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

/** An empty file may become ours; one that is no database any more is damaged, and opening it will say so. */
function isForeign(file: string): boolean {
  try {
    const owner = useAtStart(file, databaseOwner);
    return typeof owner === "number" && owner !== APPLICATION_ID;
  } catch (error) {
    throw new ConfigError(`${file} cannot be read (${whyNot(error)}).`);
  }
}

/** A home has one name only, by whatever link it was found. */
export function resolveHome({ path }: Pick<Home, "path">): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * The home and what lies around it, each with all in it: the server's own. A profile's home stands in the base home,
 * which may hold other profiles.
 */
export function ownDirectories({ path, profile }: Pick<Home, "path" | "profile">): string[] {
  return profile === undefined ? [path] : [path, dirname(dirname(path))];
}

/** What in a home may hold keys or other people's words. Databases of the reference may lie there, too. */
const SECRETS = [".env", "config.yaml", "auth.json", "state.db*", "api-server.db*", "keys"];

/** Files and directories that no tool may ever read or write: the secrets of the home and of those around it. */
export function protectedPaths(home: Pick<Home, "path" | "profile">): string[] {
  const base = ownDirectories(home).at(-1) ?? home.path;
  const homes = new Set([home.path, base, join(base, "profiles", "*")]);
  return [...homes].flatMap((directory) => SECRETS.map((name) => join(directory, name)));
}
