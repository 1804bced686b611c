import type { IncomingMessage } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { BODY_LIMIT_BYTES } from "./body.ts";
import type { Closing } from "./closing.ts";

/**
 * Decides about the connection of a request that is answered before its body was read: Node reads and discards a
 * short rest and keeps the connection; with a long rest, the connection ends with the answer.
 */
export function leaveUnread({ raw }: FastifyRequest, reply: FastifyReply, closing: Closing): void {
  const rest = measureRest(raw);
  const stays = reply.raw.shouldKeepAlive && raw.headers.expect === undefined;
  if (rest === "long" || (rest === "short" && !stays)) {
    reply.header("connection", "close");
    closing.withAnswer(raw.socket);
  } else if (reply.hasHeader("connection")) {
    // Fastify closes after every body that it refuses.
    reply.removeHeader("connection");
  }
  if (rest !== "none") raw.resume();
}

/** How much of a body is still to come: long is more than may come anyway, or nobody knows how much. */
function measureRest({ headers, complete }: IncomingMessage): "none" | "short" | "long" {
  if (complete) return "none";
  if (headers["transfer-encoding"] !== undefined) return "long";
  const length = Number(headers["content-length"] ?? 0);
  if (length === 0) return "none";
  return length <= BODY_LIMIT_BYTES ? "short" : "long";
}
