import type { AgentEvent, EventOf } from "../../../domain/event.ts";
import { type FunctionCallOutputItem, type Item, joinText, lastAnswer } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import { headAndTail } from "../../../lib/text.ts";
import { questionFields } from "../approvals/fields.ts";
import { completion, describeRuntime, pendingSteer, printedUsage } from "./result.ts";

/** Longest preview of a result, characters. */
const MAX_PREVIEW_CHARS = 500;

/** What hermes clients are told of an event, beside what they are told of each. */
export type Fields = { event: string } & Readonly<Record<string, unknown>>;

/** Reads a run's events as hermes clients are told of them, at most one for each. */
export class RunsView {
  readonly #run: Run;
  /** The arguments of calls, by call id. */
  readonly #arguments = new Map<string, string>();
  /** When results were begun, epoch ms, by item id. */
  readonly #begun = new Map<string, number>();
  /** Items that were announced and are not done, with the number of that event: what they say is told in deltas. */
  readonly #announced = new Map<string, number>();
  readonly #said: Item[] = [];
  /** What people put in, and what the model read of it. */
  readonly #steers: AgentEvent[] = [];

  constructor(run: Run) {
    this.#run = run;
  }

  /** What an event says to clients, if anything. */
  take(event: AgentEvent): Fields | undefined {
    const fields = this.#fields(event);
    this.#note(event);
    return fields;
  }

  #note(event: AgentEvent): void {
    if (event.type === "item.added") {
      this.#announced.set(event.item.id, event.seq);
      this.#begun.set(event.item.id, event.at);
    }
    if (event.type === "run.steered") this.#steers.push(event);
    if (event.type !== "item.done") return;
    const { item } = event;
    this.#announced.delete(item.id);
    if (item.type === "message" && item.origin === "steer") this.#steers.push(event);
    if (item.type === "function_call") this.#arguments.set(item.call_id, item.arguments);
    if (item.type === "message" && item.place === "output") this.#said.push(item);
  }

  #fields(event: AgentEvent): Fields | undefined {
    switch (event.type) {
      case "item.delta":
        return deltaFields(event);
      case "item.added":
        return this.#started(event.item);
      case "item.done":
        return this.#done(event);
      case "approval.requested":
      case "approval.resolved":
      case "input.requested":
      case "input.resolved":
        return questionFields(event);
      case "run.steered":
        return { event: "run.steered", accepted: true };
      case "run.suspended":
        return {
          event: "run.suspended",
          message: "The server restarts and goes on with the run; connect again.",
        };
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
        return this.#ended(event);
      case "run.created":
      case "run.started":
      case "run.status":
      case "step.started":
      case "step.restarted":
      case "step.done":
        return undefined;
      default:
        return event satisfies never;
    }
  }

  #started(item: Item): Fields | undefined {
    if (item.type !== "function_call_output" || item.executor !== "server") return undefined;
    const { name, call_id, display } = item;
    const args = parseOrText(this.#arguments.get(call_id));
    return {
      event: "tool.started",
      tool: name,
      preview: display?.label ?? name,
      tool_call_id: call_id,
      args,
    };
  }

  #done({ item, at }: EventOf<"item.done">): Fields | undefined {
    if (item.place === "internal") return this.#discarded(item);
    if (item.place !== "output") return undefined;
    switch (item.type) {
      case "message": {
        const text = joinText(item.content);
        return this.#announced.has(item.id) || text === ""
          ? undefined
          : { event: "message.delta", delta: text };
      }
      case "reasoning": {
        const text = item.summary.map((part) => part.text).join("\n\n");
        return text === "" ? undefined : { event: "reasoning.available", text };
      }
      case "function_call_output":
        return item.executor === "server" ? this.#completed(item, at) : undefined;
      default:
        return undefined;
    }
  }

  /** What was told of a text is void: its model is asked again. */
  #discarded({ id, type }: Item): Fields | undefined {
    const begun = this.#announced.get(id);
    if (begun === undefined || (type !== "message" && type !== "reasoning")) return undefined;
    return { event: "run.restarted", discard_after: begun - 1 };
  }

  #completed(item: FunctionCallOutputItem, at: number): Fields {
    const { name, call_id, output, is_error, status } = item;
    return {
      event: "tool.completed",
      tool: name,
      tool_call_id: call_id,
      duration: (at - (this.#begun.get(item.id) ?? at)) / 1000,
      error: is_error === true || status === "incomplete",
      preview: headAndTail(joinText(output), MAX_PREVIEW_CHARS),
    };
  }

  #ended(event: EventOf<"run.completed" | "run.failed" | "run.cancelled">): Fields {
    const usage = printedUsage(event.usage);
    const runtime = describeRuntime(this.#run);
    const pending = pendingSteer(this.#steers);
    if (event.type === "run.completed") {
      return {
        event: "run.completed",
        output: lastAnswer(this.#said),
        usage,
        runtime,
        ...completion(event.reason),
        ...pending,
      };
    }
    const cut = { completed: false, partial: lastAnswer(this.#said) !== "", usage, runtime, ...pending };
    if (event.type === "run.cancelled")
      return { event: "run.cancelled", ...cut, interrupted: true, turn_exit_reason: event.reason };
    const { message, code } = event.error;
    return { event: "run.failed", error: message, code, ...cut, interrupted: false };
  }
}

function deltaFields({ channel, delta }: EventOf<"item.delta">): Fields | undefined {
  if (channel === "text" || channel === "refusal") return { event: "message.delta", delta };
  return channel === "reasoning" ? { event: "reasoning.delta", delta } : undefined;
}

function parseOrText(text: string | undefined): unknown {
  try {
    return text === undefined ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}
