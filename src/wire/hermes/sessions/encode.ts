import { type AgentEvent, isLast } from "../../../domain/event.ts";
import { numberOfPart, runKey } from "../../../domain/id.ts";
import type { Item } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import { sseFrame, withoutRareLineEnds } from "../../../lib/sse.ts";
import { type ChatPiece, ChatView } from "../../openai/chat/view.ts";
import type { Answer, Encoder } from "../../shared/encoder.ts";
import { type Fields, RunsView } from "../runs/view.ts";
import { toHermesMessages } from "./messages.ts";
import type { sessionRuntime } from "./object.ts";

/** What of a request decides how its answer looks. */
interface SessionForm {
  run: Run;
  session: string;
  /** What was said, as it was sent. */
  message: unknown;
  runtime: ReturnType<typeof sessionRuntime>;
}

type Data = Readonly<Record<string, unknown>>;

/** Prints a turn of a session, streamed or whole. @see hermes-api.md 2.5 */
export class SessionEncoder implements Encoder {
  readonly #form: Omit<SessionForm, "message">;
  /** Until it is printed: it can hold pictures, and the turn can take long. */
  #message: unknown;
  readonly #chat = new ChatView();
  readonly #runs: RunsView;
  readonly #messageId: string;
  /** What the turn said and did so far. */
  readonly #items: Item[] = [];
  readonly #times = new Map<string, number>();
  /** The arguments of calls that were begun, by call id. */
  readonly #args = new Map<unknown, unknown>();
  #content = "";
  #frames = 0;
  #end: { fields: Fields; piece: ChatPiece } | undefined;

  constructor({ message, ...form }: SessionForm) {
    this.#form = form;
    this.#message = message;
    this.#runs = new RunsView(form.run);
    this.#messageId = `msg_${runKey(form.run.id)}`;
  }

  open(): string {
    const { runtime, run } = this.#form;
    const user_message = { role: "user", content: this.#message };
    this.#message = undefined;
    return withoutRareLineEnds(this.#frame("run.started", run.createdAt, { user_message, runtime }));
  }

  push(event: AgentEvent): string {
    const { pieces, fields } = this.#take(event);
    const { at } = event;
    let frames = "";
    if (event.type === "run.started")
      frames = this.#frame("message.started", at, { message: { id: this.#messageId, role: "assistant" } });
    for (const piece of pieces) frames += this.#said(piece, at);
    if (fields !== undefined) frames += this.#news(fields, at);
    if (isLast(event)) frames += this.#frame("done", at, {});
    return withoutRareLineEnds(frames);
  }

  read(event: AgentEvent): void {
    this.#take(event);
  }

  answer(): Answer {
    if (this.#end === undefined) throw new Error("the run has not ended");
    const { piece, fields } = this.#end;
    if (piece.kind === "failed") return { failure: piece.failure };
    const { event: _event, output: _output, usage, ...outcome } = fields;
    const { run, session, runtime } = this.#form;
    const body = {
      object: "hermes.session.chat.completion",
      session_id: session,
      run_id: run.id,
      message: { role: "assistant", content: this.#content },
      usage,
      ...outcome,
      runtime,
    };
    return { body: JSON.stringify(body) };
  }

  #take(event: AgentEvent): { pieces: ChatPiece[]; fields: Fields | undefined } {
    const pieces = this.#chat.read(event);
    const fields = this.#runs.take(event);
    if (event.type === "item.done" && event.item.place === "output") {
      this.#items.push(event.item);
      this.#times.set(event.item.id, event.at);
    }
    for (const piece of pieces) {
      if (piece.kind === "content" || piece.kind === "refusal") this.#content += piece.text;
      if ((piece.kind === "end" || piece.kind === "failed") && fields !== undefined)
        this.#end = { fields, piece };
    }
    return { pieces, fields };
  }

  #said(piece: ChatPiece, at: number): string {
    const message_id = this.#messageId;
    if (piece.kind === "content" || piece.kind === "refusal")
      return this.#frame("assistant.delta", at, { message_id, delta: piece.text });
    // hermes' own name for thinking.
    if (piece.kind === "reasoning")
      return this.#frame("tool.progress", at, { message_id, tool_name: "_thinking", delta: piece.text });
    return "";
  }

  /** What watchers of the run are told as well, in the words of this stream. */
  #news(fields: Fields, at: number): string {
    const { event, ...data } = fields;
    switch (event) {
      case "message.delta":
      case "reasoning.delta":
      case "reasoning.available":
        return "";
      case "tool.started":
      case "tool.completed":
        return this.#tool(fields, at);
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
        return this.#ended(fields, at);
      default:
        return this.#frame(event, at, data);
    }
  }

  #tool({ event, tool, tool_call_id, preview, args, error, duration }: Fields, at: number): string {
    const head = { message_id: this.#messageId, tool_name: tool, tool_call_id, preview };
    if (event === "tool.started") {
      this.#args.set(tool_call_id, args);
      return this.#frame(event, at, { ...head, args });
    }
    const data = { ...head, args: this.#args.get(tool_call_id) ?? {}, duration };
    // Interfaces look for the outcome under these names.
    return error === true
      ? this.#frame("tool.failed", at, { ...data, message: preview })
      : this.#frame("tool.completed", at, { ...data, result_preview: preview });
  }

  /** A turn that failed before it said anything has no message to complete. */
  #ended({ event, output: _output, usage, ...outcome }: Fields, at: number): string {
    const { runtime } = this.#form;
    const told = { message_id: this.#messageId, ...outcome, runtime };
    const items = this.#items.toSorted((a, b) => (numberOfPart(a.id) ?? 0) - (numberOfPart(b.id) ?? 0));
    let frames = "";
    if (event !== "run.failed" || items.length > 0) {
      const messages = toHermesMessages({ items, times: this.#times });
      frames += this.#frame("assistant.completed", at, { ...told, content: this.#content });
      frames += this.#frame(event, at, { ...told, messages, usage });
    }
    if (event !== "run.failed") return frames;
    const { error: message, code } = outcome;
    return frames + this.#frame("error", at, { message, code, error: { message, code } });
  }

  #frame(event: string, at: number, data: Data): string {
    const { session, run } = this.#form;
    const head = { session_id: session, run_id: run.id, seq: ++this.#frames, ts: at / 1000 };
    return sseFrame(JSON.stringify({ ...head, ...data }), event);
  }
}
