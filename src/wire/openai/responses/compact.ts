import { z } from "zod";
import { packSummary } from "../../../domain/compaction.ts";
import type { Failure } from "../../../domain/error.ts";
import { type AgentEvent, isTerminal, type TerminalEvent } from "../../../domain/event.ts";
import { itemId, responseId } from "../../../domain/id.ts";
import { type Item, joinText } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import type { Answer, Encoder } from "../../shared/encoder.ts";
import { onlyNull } from "../../shared/fields.ts";
import { listedItem } from "./input-items.ts";
import { responseUsage } from "./object.ts";
import { ResponsesRequest } from "./schema.ts";

/** The body of a request to sum a conversation up. */
export const CompactRequest = ResponsesRequest.pick({
  instructions: true,
  previous_response_id: true,
  provider: true,
})
  .extend({
    model: z.string().min(1).max(256),
    input: ResponsesRequest.shape.input.nullish(),
    conversation: onlyNull("name one of its responses as previous_response_id"),
  })
  .meta({ id: "CompactRequest", description: "Which conversation to sum up, and by which model" });
export type CompactRequest = z.infer<typeof CompactRequest>;

/** A conversation in fewer words. */
export const CompactedResponse = z
  .object({
    id: z.string(),
    object: z.literal("response.compaction"),
    created_at: z.int(),
    output: z.array(z.looseObject({ id: z.string(), type: z.string() })),
    usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({
    id: "CompactedResponse",
    description: "The user's messages, then one compaction item that stands for everything so far",
  });

/**
 * Prints a run that wrote a summary as what it summed up: the user's messages and one compaction item.
 * @see https://platform.openai.com/docs/api-reference/responses/compact
 */
export class CompactionEncoder implements Encoder {
  readonly #run: Run;
  readonly #messages: Item[];
  #summary = "";
  #end: TerminalEvent | undefined;

  /** `before`: the transcript that the run went on from. */
  constructor(run: Run, before: readonly Item[]) {
    this.#run = run;
    this.#messages = before.filter(isUsers);
  }

  /** Never streamed. */
  open(): string {
    return "";
  }

  push(event: AgentEvent): string {
    this.read(event);
    return "";
  }

  read(event: AgentEvent): void {
    if (event.type === "run.created") {
      // The last is our own request.
      this.#messages.push(...event.input.slice(0, -1).filter(isUsers));
    } else if (event.type === "item.done" && event.item.type === "message" && event.item.place === "output") {
      this.#summary += joinText(event.item.content);
    } else if (isTerminal(event)) this.#end = event;
  }

  answer(): Answer {
    const failure = this.#failure();
    if (failure !== undefined) return { failure };
    const { id, createdAt } = this.#run;
    const compaction = {
      id: itemId("cmp", id, 0),
      type: "compaction",
      encrypted_content: packSummary(this.#summary),
    };
    return {
      body: JSON.stringify({
        id: responseId(id),
        object: "response.compaction",
        created_at: Math.floor(createdAt / 1000),
        output: [...this.#messages.map(listedItem), compaction],
        usage: this.#end === undefined ? null : responseUsage(this.#end.usage),
      }),
    };
  }

  /** Half a summary would lose the rest of the conversation without a word. */
  #failure(): Failure | undefined {
    const end = this.#end;
    if (end?.type === "run.failed") return end.error;
    if (end?.type === "run.completed" && end.reason === "stop" && this.#summary.trim() !== "")
      return undefined;
    const message = "The model did not write a whole summary of the conversation; nothing was compacted.";
    return { code: "compaction_failed", message };
  }
}

function isUsers(item: Item): boolean {
  return item.type === "message" && item.role === "user";
}
