import type { Failure } from "../../../domain/error.ts";
import type { AgentEvent, CompletionReason, EventOf } from "../../../domain/event.ts";
import type { Item, Part } from "../../../domain/item.ts";
import type { Usage } from "../../../domain/usage.ts";
import { questionFields } from "../../hermes/approvals/fields.ts";

/** What one event means to a chat client. */
export type ChatPiece =
  | { kind: "content" | "reasoning" | "refusal"; text: string }
  | { kind: "call"; index: number; id: string; name: string }
  | { kind: "arguments"; index: number; text: string }
  | {
      kind: "tool";
      tool: string;
      callId: string;
      label: string;
      emoji: string;
      status: "running" | "completed" | "failed";
    }
  | { kind: "status"; status: string; text: string }
  | { kind: "question"; fields: ReturnType<typeof questionFields> }
  | { kind: "end"; reason: CompletionReason; usage: Usage }
  | { kind: "failed"; failure: Failure };

/** Text pieces of one item, and how much of each was shown by deltas. */
interface Shown {
  id: string;
  content: number;
  reasoning: number;
  refusal: number;
  arguments: number;
}

/**
 * Reads a run's events as one assistant message: the text of all steps, a blank line between them; the client's own
 * tool calls; progress of the server's. Deltas are shown as they come, and what they left out when the item is done.
 */
export class ChatView {
  /** Items that are being shown; seldom more than one. */
  #shown: readonly Shown[] = [];
  /** Item ids of the client's calls, by their index. */
  #calls: readonly string[] = [];
  #hasContent = false;
  #hasReasoning = false;

  /** The pieces that an event adds, in order. */
  read(event: AgentEvent): ChatPiece[] {
    switch (event.type) {
      case "item.added":
        return this.#added(event.item);
      case "item.delta":
        return this.#delta(event);
      case "item.done": {
        const pieces = this.#done(event.item);
        this.#shown = this.#shown.filter(({ id }) => id !== event.item.id);
        return pieces;
      }
      case "run.status":
        return [{ kind: "status", status: event.kind, text: event.text }];
      case "run.completed":
        return [{ kind: "end", reason: event.reason, usage: event.usage }];
      case "run.failed":
        return [{ kind: "failed", failure: event.error }];
      case "run.cancelled":
        return [{ kind: "failed", failure: CANCELLED }];
      case "run.created":
      case "run.started":
      case "run.suspended":
      case "run.steered":
      case "step.started":
      case "step.restarted":
      case "step.done":
        return [];
      case "approval.requested":
      case "approval.resolved":
      case "input.requested":
      case "input.resolved":
        return [{ kind: "question", fields: questionFields(event) }];
      default:
        return event satisfies never;
    }
  }

  #added(item: Item): ChatPiece[] {
    if (item.place !== "output") return [];
    if (item.type === "function_call" && item.executor === "client")
      return [this.#call(item.id, item.call_id, item.name)];
    if (item.type === "function_call_output") return toolPiece(item, "running");
    return [];
  }

  #delta({ itemId, channel, delta }: EventOf<"item.delta">): ChatPiece[] {
    switch (channel) {
      case "text":
        return this.#text(itemId, "content", delta);
      case "reasoning":
        return this.#text(itemId, "reasoning", delta);
      case "refusal":
        return this.#text(itemId, "refusal", delta);
      case "arguments":
        return this.#arguments(itemId, delta);
      case "output":
        return [];
    }
  }

  #done(item: Item): ChatPiece[] {
    if (item.place !== "output") return [];
    switch (item.type) {
      case "message":
        return [
          ...this.#rest(item.id, "content", messageText(item.content)),
          ...this.#rest(item.id, "refusal", refusalText(item.content)),
        ];
      case "reasoning":
        return this.#rest(item.id, "reasoning", item.summary.map(({ text }) => text).join("\n\n"));
      case "function_call":
        return item.executor === "client" ? this.#callDone(item) : [];
      case "function_call_output":
        return toolPiece(
          item,
          item.is_error === true || item.status === "incomplete" ? "failed" : "completed",
        );
      case "compaction":
        return [];
    }
  }

  #call(id: string, callId: string, name: string): ChatPiece {
    const index = this.#calls.length;
    this.#calls = [...this.#calls, id];
    return { kind: "call", index, id: callId, name };
  }

  #callDone(item: Extract<Item, { type: "function_call" }>): ChatPiece[] {
    const begun = this.#calls.includes(item.id) ? [] : [this.#call(item.id, item.call_id, item.name)];
    const rest = item.arguments.slice(this.#shownOf(item.id).arguments);
    return [...begun, ...this.#arguments(item.id, rest)];
  }

  #arguments(id: string, text: string): ChatPiece[] {
    const index = this.#calls.indexOf(id);
    // A call of the server's own tool: no client may think that it should run it.
    if (index < 0 || text === "") return [];
    this.#shownOf(id).arguments += text.length;
    return [{ kind: "arguments", index, text }];
  }

  #rest(id: string, kind: "content" | "reasoning" | "refusal", text: string): ChatPiece[] {
    const rest = text.slice(this.#shownOf(id)[kind]);
    return rest === "" ? [] : this.#text(id, kind, rest);
  }

  #text(id: string, kind: "content" | "reasoning" | "refusal", text: string): ChatPiece[] {
    const shown = this.#shownOf(id);
    const first = shown[kind] === 0;
    shown[kind] += text.length;
    return [{ kind, text: first ? this.#separator(kind) + text : text }];
  }

  /** A blank line between the texts of two steps. */
  #separator(kind: "content" | "reasoning" | "refusal"): string {
    if (kind === "refusal") return "";
    const before = kind === "content" ? this.#hasContent : this.#hasReasoning;
    if (kind === "content") this.#hasContent = true;
    else this.#hasReasoning = true;
    return before ? "\n\n" : "";
  }

  #shownOf(id: string): Shown {
    const known = this.#shown.find((shown) => shown.id === id);
    if (known !== undefined) return known;
    const shown = { id, content: 0, reasoning: 0, refusal: 0, arguments: 0 };
    this.#shown = this.#shown.concat(shown);
    return shown;
  }
}

/** What a reader is told of a run that somebody else stopped. */
const CANCELLED: Failure = {
  code: "run_cancelled",
  message: "The run was cancelled.",
  shouldRetry: false,
};

function toolPiece(
  { call_id, name, display }: Extract<Item, { type: "function_call_output" }>,
  status: "running" | "completed" | "failed",
): ChatPiece[] {
  // The reference hides its internal tools by this name, too.
  if (name.startsWith("_")) return [];
  return [
    {
      kind: "tool",
      tool: name,
      callId: call_id,
      label: display?.label ?? name,
      emoji: display?.emoji ?? "",
      status,
    },
  ];
}

function messageText(content: readonly Part[]): string {
  return content.map((part) => (part.type === "output_text" ? part.text : "")).join("");
}

function refusalText(content: readonly Part[]): string {
  return content.map((part) => (part.type === "refusal" ? part.refusal : "")).join("");
}
