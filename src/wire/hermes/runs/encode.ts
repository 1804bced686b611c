import { type AgentEvent, isLast } from "../../../domain/event.ts";
import type { Run } from "../../../domain/run.ts";
import { numberedFrame, sseComment, sseFrame, withoutRareLineEnds } from "../../../lib/sse.ts";
import type { StreamEncoder } from "../../shared/encoder.ts";
import { RunsView } from "./view.ts";

/** Says that nothing more comes. */
export const STREAM_CLOSED = sseComment("stream closed");

/** Prints a run's events for those who watch it. */
interface EventPrinter extends StreamEncoder {
  /** Takes an event that the reader has already. */
  read(event: AgentEvent): void;
}

/** The delta that was printed last: what a run says is printed once for all who watch it go on. */
export class LastDelta {
  event: AgentEvent | undefined;
  frame = "";
}

/** From where a run is read, and with whom. */
interface Watching {
  /** The number after which the reader wants to read. */
  after?: number;
  /** One for all watchers of a server. */
  last?: LastDelta;
}

/**
 * Prints a run's events as hermes clients read them: frames of data alone, whose `event` names them, at most one for
 * each event of the run, numbered by it.
 */
export class RunsEncoder implements EventPrinter {
  readonly #run: Run;
  readonly #view: RunsView;
  readonly #after: number;
  readonly #last: LastDelta;
  /** Whether it was told that deltas come merged. */
  #isToldMerged = false;

  constructor(run: Run, { after = 0, last = new LastDelta() }: Watching = {}) {
    this.#run = run;
    this.#view = new RunsView(run);
    this.#after = after;
    this.#last = last;
  }

  open(): string {
    return sseComment("open");
  }

  read(event: AgentEvent): void {
    this.#view.take(event);
  }

  push(event: AgentEvent): string {
    if (event.type !== "item.delta") return this.#print(event);
    if (event.merged !== undefined) {
      const frame = this.#print(event);
      return frame === "" ? "" : this.#truncated(event) + frame;
    }
    // It says the same to everybody.
    if (this.#last.event !== event) {
      this.#last.event = event;
      this.#last.frame = this.#print(event);
    }
    return this.#last.frame;
  }

  #print(event: AgentEvent): string {
    const fields = this.#view.take(event);
    const end = isLast(event) ? STREAM_CLOSED : "";
    if (fields === undefined) return end;
    const { seq, at } = event;
    const { event: name, ...rest } = fields;
    const data = { event: name, run_id: this.#run.id, timestamp: at / 1000, seq, ...rest };
    return withoutRareLineEnds(numberedFrame(JSON.stringify(data), seq)) + end;
  }

  /** Told once, before the first delta that stands for several; no event of the run, and so without a number. */
  #truncated({ at, seq }: AgentEvent): string {
    if (this.#isToldMerged) return "";
    this.#isToldMerged = true;
    const event = "replay.truncated";
    const [run_id, timestamp] = [this.#run.id, at / 1000];
    return sseFrame(
      JSON.stringify({ event, run_id, timestamp, oldest_retained_seq: seq, requested_seq: this.#after }),
    );
  }
}

/** Prints a run's events as they are, named by their type. */
export class AgentEventPrinter implements EventPrinter {
  open(): string {
    return sseComment("open");
  }

  read(): void {}

  push(event: AgentEvent): string {
    const end = isLast(event) ? STREAM_CLOSED : "";
    return withoutRareLineEnds(numberedFrame(JSON.stringify(event), event.seq)) + end;
  }
}
