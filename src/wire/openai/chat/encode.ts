import type { AgentEvent, CompletionReason } from "../../../domain/event.ts";
import { chatCompletionId } from "../../../domain/id.ts";
import type { Run } from "../../../domain/run.ts";
import type { Usage } from "../../../domain/usage.ts";
import { SSE_DONE, sseFrame, withoutRareLineEnds } from "../../../lib/sse.ts";
import type { Answer, Encoder } from "../../shared/encoder.ts";
import { JsonAnswer } from "../../shared/json-answer.ts";
import { errorFrame } from "./error-frame.ts";
import { type ChatPiece, ChatView } from "./view.ts";

/** How server-run tools show in the stream: never as tool calls, and never in the text. */
export type ToolProgress = "fields" | "events" | "openwebui" | "off";

/** What of a request decides how its answer looks. */
export interface ChatForm {
  run: Run;
  includeUsage: boolean;
  progress: ToolProgress;
  /** The client drops error objects in a stream, so the text says it too. */
  errorAsText: boolean;
  /** The answer must be JSON. */
  json?: boolean;
}

/** Prints a run as a chat completion, streamed or whole. */
export class ChatEncoder implements Encoder {
  readonly #form: ChatForm;
  readonly #view = new ChatView();
  readonly #json: JsonAnswer | undefined;
  /** What all chunks begin with, up to the delta, and end with after it. */
  readonly #head: string;
  readonly #tail: string;
  #content = "";
  #reasoning = "";
  #refusal = "";
  readonly #calls: { id: string; type: "function"; function: { name: string; arguments: string } }[] = [];
  #end: Extract<ChatPiece, { kind: "end" | "failed" }> | undefined;

  constructor(form: ChatForm) {
    this.#form = form;
    this.#json = form.json === true ? new JsonAnswer() : undefined;
    const { id, createdAt, model } = form.run;
    const created = Math.floor(createdAt / 1000);
    const fields = `"id":"${chatCompletionId(id)}","object":"chat.completion.chunk","created":${created},"model":${JSON.stringify(model.asked)}`;
    this.#head = `{${fields},"choices":[`;
    this.#tail = form.includeUsage ? `],"usage":null` : "]";
  }

  open(): string {
    return this.#chunk('{"role":"assistant","content":""}');
  }

  push(event: AgentEvent): string {
    let frames = "";
    for (const piece of this.#pieces(event)) frames += this.#frames(piece);
    return withoutRareLineEnds(frames);
  }

  read(event: AgentEvent): void {
    for (const piece of this.#pieces(event)) this.#collect(piece);
  }

  #pieces(event: AgentEvent): ChatPiece[] {
    return this.#json === undefined
      ? this.#view.read(event)
      : this.#json.take(event).flatMap((told) => this.#view.read(told));
  }

  answer(): Answer {
    const end = this.#end;
    if (end === undefined) throw new Error("the run has not ended");
    if (end.kind === "failed") return { failure: end.failure };
    const { id, createdAt, model } = this.#form.run;
    const message = {
      role: "assistant",
      // Beside calls the content may be null; alone it must not be.
      content: this.#content === "" && this.#calls.length > 0 ? null : this.#content,
      refusal: this.#refusal === "" ? null : this.#refusal,
      ...(this.#reasoning !== "" && { reasoning_content: this.#reasoning }),
      ...(this.#calls.length > 0 && { tool_calls: this.#calls }),
    };
    const body = JSON.stringify({
      id: chatCompletionId(id),
      object: "chat.completion",
      created: Math.floor(createdAt / 1000),
      model: model.asked,
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason(end.reason) }],
      usage: chatUsage(end.usage),
      hermes: { ...this.#served(), completed: isComplete(end.reason) },
    });
    return isComplete(end.reason) ? { body } : { body, headers: INCOMPLETE_HEADERS };
  }

  #collect(piece: ChatPiece): void {
    if (piece.kind === "content") this.#content += piece.text;
    else if (piece.kind === "reasoning") this.#reasoning += piece.text;
    else if (piece.kind === "refusal") this.#refusal += piece.text;
    else if (piece.kind === "call") {
      this.#calls.push({ id: piece.id, type: "function", function: { name: piece.name, arguments: "" } });
    } else if (piece.kind === "arguments") {
      const call = this.#calls[piece.index];
      if (call !== undefined) call.function.arguments += piece.text;
    } else if (piece.kind === "end" || piece.kind === "failed") this.#end = piece;
  }

  #frames(piece: ChatPiece): string {
    switch (piece.kind) {
      case "content":
        return this.#chunk(`{"content":${JSON.stringify(piece.text)}}`);
      case "reasoning":
        return this.#chunk(`{"reasoning_content":${JSON.stringify(piece.text)}}`);
      case "refusal":
        return this.#chunk(`{"refusal":${JSON.stringify(piece.text)}}`);
      case "call": {
        const { index, id, name } = piece;
        return this.#chunk(
          JSON.stringify({
            tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }],
          }),
        );
      }
      case "arguments":
        return this.#chunk(
          JSON.stringify({ tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] }),
        );
      case "tool":
      case "status":
        return this.#progress(piece);
      case "question":
        return this.#question(piece.fields);
      case "end":
        return this.#finish(piece);
      case "failed": {
        const text = this.#form.errorAsText
          ? this.#chunk(JSON.stringify({ content: `\n\n[${piece.failure.message}]` }))
          : "";
        return text + errorFrame(piece.failure, this.#form.run.id) + SSE_DONE;
      }
    }
  }

  /** A valid chunk around an already printed delta. */
  #chunk(delta: string, finish = "null", extra = ""): string {
    return `data: ${this.#head}{"index":0,"delta":${delta},"finish_reason":${finish}}${this.#tail}${extra}}\n\n`;
  }

  #finish({ reason, usage }: Extract<ChatPiece, { kind: "end" }>): string {
    const hermes = { ...this.#served(), completed: isComplete(reason) };
    // hermes' clients read the usage here; others only find it where OpenAI puts it.
    const early = this.#form.progress === "events" && !this.#form.includeUsage;
    const extra = `${early ? `,"usage":${JSON.stringify(chatUsage(usage))}` : ""},"hermes":${JSON.stringify(hermes)}`;
    const finish = this.#chunk("{}", `"${finishReason(reason)}"`, extra);
    const last = this.#form.includeUsage
      ? sseFrame(`${this.#head}],"usage":${JSON.stringify(chatUsage(usage))}}`)
      : "";
    return finish + last + SSE_DONE;
  }

  #progress(piece: Extract<ChatPiece, { kind: "tool" | "status" }>): string {
    const news = piece.kind === "tool" ? toolNews(piece) : { kind: piece.status, text: piece.text };
    const name = piece.kind === "tool" ? "hermes.tool.progress" : "hermes.status";
    switch (this.#form.progress) {
      case "off":
        return "";
      case "fields":
        return this.#chunk(
          "{}",
          "null",
          `,"hermes":${JSON.stringify({ type: name.slice("hermes.".length), ...news })}`,
        );
      case "events":
        // Also a valid chunk, for readers that do not look at the event's name.
        return sseFrame(`${this.#head}${this.#tail},${JSON.stringify(news).slice(1)}`, name);
      case "openwebui":
        return sseFrame(
          `${this.#head}${this.#tail},"event":${JSON.stringify({ type: "status", data: statusLine(piece) })}}`,
        );
    }
  }

  /** As the reference names it, and also a valid chunk, whose `choices` are none of a person's. */
  #question({ choices, ...fields }: Extract<ChatPiece, { kind: "question" }>["fields"]): string {
    const options = choices !== undefined && { options: choices };
    const said = { run_id: chatCompletionId(this.#form.run.id), ...fields, ...options };
    return sseFrame(`${this.#head}${this.#tail},${JSON.stringify(said).slice(1)}`, fields.event);
  }

  #served(): { run_id: string; model: string; provider: string } {
    const { id, model } = this.#form.run;
    return { run_id: id, model: model.served, provider: model.provider };
  }
}

/** The reference's headers for an answer that has text but is not whole. */
const INCOMPLETE_HEADERS = { "x-hermes-completed": "false", "x-hermes-partial": "true" };

function isComplete(reason: CompletionReason): boolean {
  return reason === "stop" || reason === "tool_calls";
}

function finishReason(reason: CompletionReason): string {
  return reason === "max_steps" ? "length" : reason;
}

function chatUsage({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

/** The reference's fields; label and emoji come with the start only. */
function toolNews({ tool, callId, label, emoji, status }: Extract<ChatPiece, { kind: "tool" }>) {
  if (status === "running") return { tool, emoji, label, toolCallId: callId, status };
  // Not `error`: the openai SDK throws every event that has such a field.
  return { tool, toolCallId: callId, status: "completed", ...(status === "failed" && { failed: true }) };
}

function statusLine(piece: Extract<ChatPiece, { kind: "tool" | "status" }>) {
  if (piece.kind === "status") return { description: piece.text, done: false };
  return {
    description: `${piece.emoji} ${piece.tool}: ${piece.label}`.trim(),
    done: piece.status !== "running",
  };
}
