import { type AgentEvent, type EventOf, isTerminal, type TerminalEvent } from "../../../domain/event.ts";
import type { FunctionCallOutputItem, Item } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import { SSE_DONE, sseFrame, withoutRareLineEnds } from "../../../lib/sse.ts";
import type { TextCipher } from "../../../lib/text-cipher.ts";
import { type QuestionEvent, questionFields } from "../../hermes/approvals/fields.ts";
import type { Answer, Encoder, MessageEncoder } from "../../shared/encoder.ts";
import { JsonAnswer } from "../../shared/json-answer.ts";
import { type Outcome, responseObject, responseStatus } from "./object.ts";
import { type Encrypter, type OutputItem, outputItem, type ToolItems, withResult } from "./output.ts";
import { beginItem, type Frame, finishItem, growItem, type OpenItem } from "./progress.ts";
import { encryptReasoning } from "./sealed-reasoning.ts";

/** What of a request decides how its response looks. */
interface ResponseForm {
  run: Run;
  toolItems: ToolItems;
  /** For reasoning that the client wants to keep itself; without it none is handed out sealed. */
  cipher?: TextCipher;
  /** The last frame that the reader has; only what comes after it is printed. */
  startingAfter?: number | undefined;
}

/**
 * Prints a run as a response, streamed or whole. Frames are counted, so a replay gives each the number that it had.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class ResponsesEncoder implements Encoder, MessageEncoder {
  readonly #form: ResponseForm;
  readonly #startingAfter: number;
  #sequence = 0;
  #count = 0;
  /** By their places; what was taken back leaves its own empty. */
  readonly #output: (OutputItem | undefined)[] = [];
  /** Begun and not done, by the id of the run's item. */
  readonly #open = new Map<string, OpenItem>();
  /** The server's calls that wait for their results: item ids by call id. */
  readonly #waiting = new Map<string, string>();
  readonly #encrypter: Encrypter | undefined;
  #outcome: Outcome;
  /** Set when the answer must be JSON. */
  readonly #json: JsonAnswer | undefined;

  constructor(form: ResponseForm) {
    this.#form = form;
    const { run, cipher } = form;
    const isAsked = cipher !== undefined && run.echo?.["sealed"] === true;
    this.#encrypter = isAsked ? (item) => encryptReasoning(item, cipher, run.owner) : undefined;
    this.#startingAfter = form.startingAfter ?? -1;
    this.#json = isJson(form.run) ? new JsonAnswer() : undefined;
    this.#outcome = { status: form.run.background === true ? "queued" : "in_progress" };
  }

  open(): string {
    const created = this.#whole("response.created");
    return this.#print(
      this.#form.run.background === true ? [created, this.#whole("response.queued")] : [created],
    );
  }

  push(event: AgentEvent): string {
    const frames = this.#print(this.#take(event));
    if (event.type === "run.suspended") return this.#suspended();
    return isTerminal(event) ? frames + SSE_DONE : frames;
  }

  opening(): string[] {
    return this.#texts([this.#whole("response.created")]);
  }

  messages(event: AgentEvent): string[] {
    return this.#texts(this.#take(event));
  }

  read(event: AgentEvent): void {
    this.#take(event);
  }

  answer(): Answer {
    if (this.#outcome.status === "failed") return { failure: this.#outcome.failure };
    return { body: JSON.stringify(this.response()) };
  }

  /** The response as far as it is. */
  response() {
    const output = this.#output.filter((item) => item !== undefined);
    return responseObject(this.#form.run, this.#outcome, output);
  }

  #print(frames: readonly Frame[]): string {
    let text = "";
    for (const frame of frames) {
      const number = this.#number(frame);
      if (number <= this.#startingAfter) continue;
      const { type, numbers: _numbers, ...fields } = frame;
      text += sseFrame(JSON.stringify({ type, sequence_number: number, ...fields }), type);
    }
    return withoutRareLineEnds(text);
  }

  #texts(frames: readonly Frame[]): string[] {
    return frames.map((frame) => {
      const { type, numbers: _numbers, ...fields } = frame;
      return JSON.stringify({ type, sequence_number: this.#number(frame), ...fields });
    });
  }

  /** A frame's number; one that stands for several has the last of theirs. */
  #number({ numbers = 1 }: Frame): number {
    this.#sequence += numbers;
    return this.#sequence - 1;
  }

  /** No end: the next process goes on. It has the last frame's number, after which the stream can be read on. */
  #suspended(): string {
    const frame = { type: "error", sequence_number: this.#sequence - 1, ...SUSPENDED };
    return sseFrame(JSON.stringify(frame), "error");
  }

  /** The response is made when its frame is printed: an answer that is not streamed prints none. */
  #whole(type: string): Frame {
    const response = () => this.response();
    return {
      type,
      get response() {
        return response();
      },
    };
  }

  #take(event: AgentEvent): Frame[] {
    return this.#json === undefined
      ? this.#framesOf(event)
      : this.#json.take(event).flatMap((told) => this.#framesOf(told));
  }

  #framesOf(event: AgentEvent): Frame[] {
    switch (event.type) {
      case "run.created":
        return [];
      case "step.restarted":
        // Frames that were sent and not stored have numbers, too: none is used twice.
        this.#sequence = Math.max(this.#sequence, event.seq * NUMBERS_PER_EVENT);
        return [];
      case "run.started":
        this.#outcome = { status: "in_progress" };
        return [this.#whole("response.in_progress")];
      case "item.added":
        return event.item.place === "output" ? this.#begin(event.item) : [];
      case "item.delta":
        return this.#delta(event);
      case "item.done":
        return event.item.place === "output" ? this.#done(event.item) : this.#discard(event.item);
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
        return this.#end(event);
      case "run.suspended":
      case "run.steered":
      case "run.status":
      case "step.started":
      case "step.done":
        return [];
      case "approval.requested":
      case "approval.resolved":
      case "input.requested":
      case "input.resolved":
        return [questionFrame(event)];
      default:
        return event satisfies never;
    }
  }

  #begin(item: Item): Frame[] {
    const printed = outputItem(item, this.#form.toolItems, this.#encrypter);
    if (printed === undefined) return [];
    const open: OpenItem = { index: this.#count++, item: printed, told: [] };
    this.#open.set(item.id, open);
    return beginItem(open);
  }

  #delta({ itemId, channel, delta, merged }: EventOf<"item.delta">): Frame[] {
    const open = this.#open.get(itemId);
    if (open === undefined) return [];
    const frames = growItem(open, channel, delta);
    const told = frames.at(-1);
    // What said nothing has no frame.
    if (merged !== undefined && delta !== "" && told !== undefined) told.numbers = merged.count;
    return frames;
  }

  #done(item: Item): Frame[] {
    if (item.type === "function_call_output" && item.executor === "server") {
      const waiting = this.#waiting.get(item.call_id);
      if (waiting !== undefined) return this.#resolve(waiting, item);
    }
    const printed = outputItem(item, this.#form.toolItems, this.#encrypter);
    if (printed === undefined) return [];
    const begun = this.#open.has(item.id) ? [] : this.#begin(emptied(item));
    const open = this.#open.get(item.id) as OpenItem;
    const frames = [...begun, ...finishItem(open, printed)];
    // The model has said it; as a call it is done when its result is there.
    if (printed.type === "mcp_call" && printed.status === "in_progress" && item.type === "function_call") {
      open.item = printed;
      this.#waiting.set(item.call_id, item.id);
      return frames;
    }
    return [...frames, this.#close(item.id, open, printed)];
  }

  /** What was begun is taken back: its step is asked again. */
  #discard({ id }: Item): Frame[] {
    const open = this.#open.get(id);
    if (open === undefined) return [];
    const frame = this.#close(id, open, { ...open.item, status: "incomplete" } as OutputItem);
    this.#output[open.index] = undefined;
    return [frame];
  }

  #resolve(id: string, result: FunctionCallOutputItem): Frame[] {
    const open = this.#open.get(id);
    this.#waiting.delete(result.call_id);
    if (open?.item.type !== "mcp_call") return [];
    const item = withResult(open.item, result);
    const type = item.status === "completed" ? "response.mcp_call.completed" : "response.mcp_call.failed";
    return [{ type, item_id: item.id, output_index: open.index }, this.#close(id, open, item)];
  }

  #close(id: string, { index }: OpenItem, item: OutputItem): Frame {
    this.#open.delete(id);
    this.#output[index] = item;
    return { type: "response.output_item.done", output_index: index, item };
  }

  #end(event: TerminalEvent): Frame[] {
    // A call that never got to run.
    const left = [...this.#open].map(([id, open]) =>
      this.#close(id, open, { ...open.item, status: "incomplete" } as OutputItem),
    );
    this.#outcome = terminalOutcome(event);
    const status = responseStatus(this.#outcome);
    const type = status === "completed" || status === "incomplete" ? status : "failed";
    return [...left, this.#whole(`response.${type}`)];
  }
}

/** No event of OpenAI's, under a name of ours: only who asked for it gets it. */
function questionFrame(event: QuestionEvent): Frame {
  const { event: name, ...fields } = questionFields(event);
  return { type: `hermes.${name}`, ...fields };
}

/** More frames than any event prints. */
const NUMBERS_PER_EVENT = 64;

const SUSPENDED = {
  code: "server_shutdown",
  message:
    "The server is restarting and will go on with the response: read on with GET /v1/responses/{id}?stream=true&starting_after=N.",
  param: null,
};

function isJson({ echo }: Run): boolean {
  const text = echo?.["text"] as { format?: { type?: string } } | undefined;
  return text?.format?.type?.startsWith("json") === true;
}

function terminalOutcome(event: TerminalEvent): Outcome {
  const { at, usage } = event;
  if (event.type === "run.completed") return { status: "completed", reason: event.reason, at, usage };
  if (event.type === "run.failed") return { status: "failed", failure: event.error, at, usage };
  return { status: "cancelled", at, usage };
}

/** An item as it was before it said anything. */
function emptied(item: Item): Item {
  switch (item.type) {
    case "message":
      return { ...item, status: "in_progress", content: [] };
    case "reasoning":
      return { ...item, status: "in_progress", summary: [] };
    case "function_call":
      return { ...item, status: "in_progress", arguments: "" };
    case "function_call_output":
      return { ...item, status: "in_progress", output: "" };
    case "compaction":
      return { ...item, status: "in_progress" };
  }
}
