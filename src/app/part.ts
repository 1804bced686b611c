import type { FastifyInstance } from "fastify";
import type { RunObserver } from "../eventlog/observers.ts";
import type { PortMakers } from "../tools/ports.ts";
import type { ToolSource } from "../tools/source.ts";
import type { HealthCheck } from "../wire/hermes/health/schema.ts";

/**
 * One subsystem of the server. `createApp` opens the parts one after another, each with the parts that it needs, then
 * starts them in that order. A part that has been opened is always stopped: when the server closes, and when the start
 * fails, even if the part itself was never started. Every member is optional, and a part has only those that it needs.
 */
export interface Part extends Partial<RunObserver> {
  /** For error messages. */
  readonly name: string;
  /** Adds the part's routes. Called once, before any part is started. */
  routes?(http: FastifyInstance): void;
  /** Tools that the part offers to models. */
  readonly tools?: ToolSource;
  /** Services of the part that tools may use. */
  readonly ports?: PortMakers;
  /** Entries of `GET /health/detailed`, by name. A check that fails or takes longer than a second counts as degraded. */
  readonly health?: Readonly<Record<string, () => HealthCheck | Promise<HealthCheck>>>;
  /** Begins the part's work. The parts before it have been started. @throws Error when the server cannot start. */
  start?(): Promise<void>;
  /**
   * Refuses new work from the moment of the call, and lets the work under way finish for at most `timeoutMs`. All parts
   * drain at the same time, and all of them still serve each other.
   */
  drain?(timeoutMs: number): Promise<void>;
  /**
   * Hands over what the work produced (answers to their readers, results to their destinations) within `graceMs`, and
   * ends what the part does by itself. All parts flush at the same time, after all have drained.
   */
  flush?(graceMs: number): Promise<void>;
  /** Closes what the part holds: files, sockets, timers. Parts are stopped in the reverse order of their opening. */
  stop?(): Promise<void>;
}
