import type { RouteOptions } from "fastify";
import { getPrincipal } from "../../src/http/auth.ts";
import { Budget } from "../../src/http/budget.ts";
import { Dialogue } from "../../src/http/dialogue.ts";
import type { Sockets } from "../../src/http/sockets.ts";
import { readAs } from "../../src/lib/read-as.ts";
import { ResponsesEncoder } from "../../src/wire/openai/responses/encode.ts";
import { ResponsesRequest } from "../../src/wire/openai/responses/schema.ts";
import { CreateMessage } from "../../src/wire/openai/responses/socket.ts";
import { type ResponsesDeps, readBody, readTerms } from "./responses-request.ts";

/** What all sockets together may remember, in characters. */
const MAX_ALL_KEPT_CHARS = 100_000_000;

/** What the socket needs. */
interface SocketDeps extends Pick<ResponsesDeps, "runs" | "settings"> {
  sockets: Sockets;
}

/**
 * The WebSocket side of a route: each `response.create` is answered by the events of its response, one after the other.
 * @see https://developers.openai.com/api/docs/guides/websocket-mode
 */
export function responsesSocket(deps: SocketDeps): Pick<RouteOptions, "preValidation" | "wsHandler"> {
  const { runs, sockets, settings } = deps;
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
      const { disconnect, ...terms } = readTerms(request.headers, settings);
      const asking = { runs, settings, owner: getPrincipal(request).id, ...terms };
      const dialogue = new Dialogue({
        runs,
        memory,
        disconnect,
        read: readCreate,
        decode: (body) => readBody(body, asking),
        encode: (run) => new ResponsesEncoder({ run, toolItems: terms.toolItems, cipher: settings.cipher }),
      });
      socket.once("close", () => dialogue.forget());
      sockets.start({ socket, connection: request.socket }, (message, line) =>
        dialogue.answer(message, line),
      );
    },
  };
}

/** Reads a message as a request for a response. @throws ApiError 400 naming what is wrong with the message. */
function readCreate(message: unknown): ResponsesRequest {
  readAs(CreateMessage, message);
  return readAs(ResponsesRequest, { ...(message as object), stream: true });
}
