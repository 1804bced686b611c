import type { RouteOptions } from "fastify";
import type { AgentEvent } from "../src/domain/event.ts";
import { type RunId, responseId } from "../src/domain/id.ts";
import type { Item, ItemBody } from "../src/domain/item.ts";
import type { RunInput } from "../src/domain/run.ts";
import { principalOf } from "../src/http/auth.ts";
import { Budget } from "../src/http/budget.ts";
import type { MessageSocket } from "../src/http/message-socket.ts";
import { sendRunOver } from "../src/http/send-socket.ts";
import type { Sockets } from "../src/http/sockets.ts";
import { readAs } from "../src/lib/read-as.ts";
import { ResponsesEncoder } from "../src/wire/responses/encode.ts";
import { ResponsesRequest } from "../src/wire/responses/schema.ts";
import { CreateMessage } from "../src/wire/responses/socket.ts";
import { type ResponsesDeps, readBody, readTerms } from "./responses-request.ts";

/** What the socket needs. */
export interface SocketDeps extends Pick<ResponsesDeps, "runs" | "settings"> {
  sockets: Sockets;
}

/**
 * The WebSocket side of a route: each `response.create` is answered by the events of its response, one after the other.
 * @see https://developers.openai.com/api/docs/guides/websocket-mode
 */
export function responsesSocket(deps: SocketDeps): Pick<RouteOptions, "preValidation" | "wsHandler"> {
  const { sockets, settings } = deps;
  const memory = new Budget(MAX_ALL_KEPT_CHARS);
  return {
    // What is wrong with a handshake is an HTTP answer.
    preValidation(request, _reply, done) {
      if (request.ws) {
        sockets.admit();
        readTerms(request.headers, settings);
      }
      done();
    },
    wsHandler(socket, request) {
      const terms = readTerms(request.headers, settings);
      const owner = principalOf(request).id;
      const dialogue = new Dialogue(deps, { owner, memory, ...terms });
      socket.once("close", () => dialogue.forget());
      sockets.start({ socket, connection: request.socket }, (message, line) =>
        dialogue.answer(message, line),
      );
    },
  };
}

/** A response that was not stored, for the next one to go on from. */
interface Kept {
  id: string;
  /** The stored run before it. */
  previous: RunId | undefined;
  /** Everything since that run. */
  items: readonly ItemBody[];
  chars: number;
}

/** Longer than any model reads; images count as their text. */
const MAX_KEPT_CHARS = 20_000_000;
/** Of all sockets together. */
const MAX_ALL_KEPT_CHARS = 100_000_000;

type Terms = ReturnType<typeof readTerms> & {
  owner: string;
  /** What all sockets may remember, in characters. */
  memory: Budget;
};

/** One client's turns: a socket remembers its last response that was not stored, and nothing else does. */
class Dialogue {
  readonly #deps: SocketDeps;
  readonly #terms: Terms;
  #kept: Kept | undefined;

  constructor(deps: SocketDeps, terms: Terms) {
    this.#deps = deps;
    this.#terms = terms;
  }

  async answer(message: unknown, socket: MessageSocket): Promise<void> {
    const before = this.#kept?.id === previousOf(message) ? this.#kept : undefined;
    // A turn that fails takes what it went on from with it.
    if (before !== undefined) this.forget();
    const input = await this.#input(readCreate(message), before);
    const { toolItems, disconnect } = this.#terms;
    const { runs, settings } = this.#deps;
    const run = await runs.admit(input);
    const encoder = new ResponsesEncoder({ run: run.run, toolItems, seal: settings.seal });
    const heard = new Heard();
    await sendRunOver(socket, { run, encoder, disconnect, hear: (event) => heard.hear(event) });
    if (!heard.completed || socket.gone) return;
    if (input.store === false) this.#keep(keep(responseId(run.run.id), { input, heard, before }));
    else if (before !== undefined) this.#keep(before);
  }

  /** Remembers nothing any more. */
  forget(): void {
    this.#terms.memory.give(this.#kept?.chars ?? 0);
    this.#kept = undefined;
  }

  #keep(kept: Kept | undefined): void {
    this.forget();
    if (kept !== undefined && this.#terms.memory.take(kept.chars)) this.#kept = kept;
  }

  async #input(body: ResponsesRequest, before: Kept | undefined): Promise<RunInput> {
    const { runs, settings } = this.#deps;
    const isOwn = before === undefined || (body.conversation !== undefined && body.conversation !== null);
    const asked = isOwn ? body : { ...body, previous_response_id: null };
    const input = await readBody(asked, { runs, settings, ...this.#terms });
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

/** @throws ApiError 400 naming what is wrong with the message. */
function readCreate(message: unknown): ResponsesRequest {
  readAs(CreateMessage, message);
  return readAs(ResponsesRequest, { ...(message as object), stream: true });
}

/** What of a run a later one goes on from. */
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
  // What a conversation holds is not all here.
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
