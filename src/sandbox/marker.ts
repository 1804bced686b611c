import { createHash, randomUUID } from "node:crypto";
import { startTicks } from "./processes.ts";

const NAME = "HERMES_CALL_ID";
const PATTERN = new RegExp(`(?:^|\\0)${NAME}=([0-9a-f]+)\\.(\\d+)\\.(\\d+)\\.`);

/**
 * What stands in the environment of each command, and so of what it starts: the home, the server process (its id and
 * when it started, for ids are given out again) and the call.
 */
interface Marker {
  /** The variable for one call. */
  variable: { name: string; value: string };
  /** As it stands in an environment. */
  text: string;
}

/** Makes a marker for one call of a server of a home. */
export function newMarker(home: string): Marker {
  const value = `${homeId(home)}.${process.pid}.${startTicks(process.pid)}.${randomUUID()}`;
  return { variable: { name: NAME, value }, text: `${NAME}=${value}` };
}

/** Whether an environment is that of a command of this home whose server is no more. */
export function wasStartedByDeadServer(home: string, environment: Buffer): boolean {
  const [, id, server, start] = PATTERN.exec(environment.toString("latin1")) ?? [];
  return id === homeId(home) && startTicks(Number(server)) !== start;
}

/** Whether a process with these variables is a command of this home's agent, or was started by one. */
export function wasStartedByAgent(home: string, environment: Readonly<NodeJS.ProcessEnv>): boolean {
  return environment[NAME]?.startsWith(`${homeId(home)}.`) === true;
}

/** The path itself is nothing for a command to read. */
function homeId(home: string): string {
  return createHash("sha256").update(home).digest("hex").slice(0, 16);
}
