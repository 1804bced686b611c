import type { AgentEvent } from "../domain/event.ts";
import { type RunId, responseId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { Run, RunInput } from "../domain/run.ts";
import type { Runs } from "../runs/service.ts";
import type { ResponsesRequest } from "../wire/openai/responses/schema.ts";
import type { MessageEncoder } from "../wire/shared/encoder.ts";
import type { Budget } from "./budget.ts";
import type { MessageSocket } from "./message-socket.ts";
import type { Disconnect } from "./send.ts";
import { sendRunOver } from "./send-socket.ts";

/** What a dialogue needs. */
interface DialogueDeps {
  runs: Pick<Runs, "admit">;
  /** What all dialogues together may remember, in characters. */
  memory: Budget;
  disconnect: Disconnect;
  /** Reads a client's message. @throws ApiError 400 naming what is wrong with it. */
  read(message: unknown): ResponsesRequest;
  /** Decodes a message to a run's input. @throws ApiError 400 for an invalid one. */
  decode(body: ResponsesRequest): Promise<RunInput>;
  /** Creates the view of a run that the client gets. */
  encode(run: Run): MessageEncoder;
}

/** A response that was not stored and that the next one may continue. */
interface Kept {
  id: string;
  /** The stored run before it. */
  previous: RunId | undefined;
  /** The items since that run. */
  items: readonly ItemBody[];
  chars: number;
}

/** Longer than any model reads; images count as their text. */
const MAX_KEPT_CHARS = 20_000_000;
/** One client's turns over a socket. It remembers the last response that was not stored, which nothing else does. */
export class Dialogue {
  readonly #deps: DialogueDeps;
  #kept: Kept | undefined;

  constructor(deps: DialogueDeps) {
    this.#deps = deps;
  }

  /** Answers one message with the events of its run. @throws ApiError when no run begins. */
  async answer(message: unknown, socket: MessageSocket): Promise<void> {
    const { runs, disconnect, read, encode } = this.#deps;
    const before = this.#kept?.id === previousOf(message) ? this.#kept : undefined;
    // A failed turn also drops the response that it continued.
    if (before !== undefined) this.forget();
    const input = await this.#decode(read(message), before);
    const run = await runs.admit(input);
    const heard = new Heard();
    const hear = (event: AgentEvent) => heard.hear(event);
    await sendRunOver(socket, { run, encoder: encode(run.run), disconnect, hear });
    if (!heard.completed || socket.gone) return;
    if (input.store === false) this.#keep(keep(responseId(run.run.id), { input, heard, before }));
    else if (before !== undefined) this.#keep(before);
  }

  /** Forgets everything. */
  forget(): void {
    this.#deps.memory.give(this.#kept?.chars ?? 0);
    this.#kept = undefined;
  }

  #keep(kept: Kept | undefined): void {
    this.forget();
    if (kept !== undefined && this.#deps.memory.take(kept.chars)) this.#kept = kept;
  }

  async #decode(body: ResponsesRequest, before: Kept | undefined): Promise<RunInput> {
    const isOwn = before === undefined || (body.conversation !== undefined && body.conversation !== null);
    const input = await this.#deps.decode(isOwn ? body : { ...body, previous_response_id: null });
    if (isOwn) return input;
    return {
      ...input,
      ...(before.previous !== undefined && { previous: before.previous }),
      items: [...before.items, ...input.items],
      echo: { ...input.echo, previous_response_id: before.id },
    };
  }
}

function previousOf(message: unknown): unknown {
  return typeof message === "object" && message !== null
    ? Reflect.get(message, "previous_response_id")
    : undefined;
}

/** Returns what a later response needs of a run. */
class Heard {
  input: readonly Item[] = [];
  readonly output: Item[] = [];
  completed = false;

  hear(event: AgentEvent): void {
    if (event.type === "run.created") this.input = event.input;
    else if (event.type === "item.done" && event.item.place === "output") this.output.push(event.item);
    else if (event.type === "run.completed") this.completed = true;
  }
}

function keep(
  id: string,
  turn: { input: RunInput; heard: Heard; before: Kept | undefined },
): Kept | undefined {
  const { input, heard, before } = turn;
  // A conversation's earlier items are only in the store.
  if (input.sessionId !== undefined) return undefined;
  const known = before?.items ?? [];
  const added = [...heard.input.slice(known.length), ...heard.output].map(bodyOf);
  const chars = (before?.chars ?? 0) + JSON.stringify(added).length;
  if (chars > MAX_KEPT_CHARS) return undefined;
  return { id, previous: input.previous, items: [...known, ...added], chars };
}

function bodyOf({ id: _id, status: _status, place: _place, ...body }: Item): ItemBody {
  return body as ItemBody;
}
