import type { Failure } from "../../domain/error.ts";
import type { AgentEvent } from "../../domain/event.ts";

/** What a non-streamed request is answered with. */
export type Answer = { body: string; headers?: Record<string, string> } | { failure: Failure };

/** A view of a run as an event stream. */
export interface StreamEncoder {
  /** SSE frames that begin the stream. */
  open(): string;
  /** SSE frames that an event adds; often none. The last event's end the stream. */
  push(event: AgentEvent): string;
}

/**
 * A surface's view of one run's events. Pure: no clock, no random ids, no I/O, so live and replay agree, and so do
 * the streamed and the whole answer. An encoder is used for one of the two, and fed every event in order.
 */
export interface Encoder extends StreamEncoder {
  /** Takes an event for the whole answer. */
  read(event: AgentEvent): void;
  /** The whole answer, after the terminal event was read. */
  answer(): Answer;
}

/** A view of a run as messages, for a transport that keeps them apart by itself. */
export interface MessageEncoder {
  /** Messages that begin the view. */
  opening(): string[];
  /** Messages that an event adds; often none. */
  messages(event: AgentEvent): string[];
}
