import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, sep } from "node:path";
import type { Config } from "./load.ts";

/** Directories of the system; what lies below them may be anybody's. */
const SYSTEM = /^\/(etc|usr|var|bin|sbin|lib(32|64)?|opt|boot|proc|sys|dev|srv|mnt|media|System|Library)$/;
/** Where systems keep the homes of their users. */
const HOMES = /^(\/root|\/(home|Users|var\/home)(\/[^/]+)?)$/;

/**
 * A reason to warn about a workspace that holds more than one piece of work, as when the server was started in `/` or in
 * a home: the agent's file tools reach all of it.
 */
export function workspaceWarning({
  workspace,
  home,
}: Pick<Config, "workspace" | "home">): string | undefined {
  const what = findContained(real(workspace), real(home.path));
  if (what === undefined) return undefined;
  return `The workspace, ${workspace}, is ${what}, and the agent's file tools reach all of it. Set workspace in ${home.configFile} to a directory of its own.`;
}

function findContained(workspace: string, home: string): string | undefined {
  if (dirname(workspace) === workspace) return "the whole machine";
  if (SYSTEM.test(workspace)) return "a directory of the system";
  if (HOMES.test(workspace) || holds(workspace, real(homedir()))) return "a home directory";
  if (holds(workspace, home) || holds(home, workspace)) return "where the server keeps its own files";
  return undefined;
}

function holds(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory + sep);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
