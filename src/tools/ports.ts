import type { JobPort } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";

/** The server's own services that a tool may use for the owner of its run. A service that the server does not have is absent. */
export interface ToolPorts {
  readonly jobs?: JobPort | undefined;
}

/** Makes the ports of one call. A repeated call has the id of the first one, so a service can recognise it. */
export type PortsFor = (run: Run, callId: string) => ToolPorts;

/** Makes each service for one call, when a tool first asks for it. */
export type PortMakers = {
  readonly [Name in keyof ToolPorts]?: (...call: Parameters<PortsFor>) => ToolPorts[Name];
};
