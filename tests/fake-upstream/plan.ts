import { isJsonObject, type JsonObject } from "../../src/lib/json.ts";
import { gatesOf } from "./answer.ts";
import { chatWire } from "./chat-wire.ts";
import { type Gate, isGate } from "./gate.ts";
import { messagesWire } from "./messages-wire.ts";
import type { ReceivedRequest } from "./request.ts";
import {
  type Answer,
  type BodyOffset,
  type Delivery,
  isRaw,
  type Protocol,
  type RawBody,
  type RawReply,
  type Reply,
} from "./script.ts";
import { type Body, encodeStream } from "./sse.ts";
import type { Call, Wire } from "./wire.ts";

/** One thing to do with a response; a plan ends with `end`, `cut`, `reset` or `stall`. */
export type Step =
  | { do: "hold"; gate: Gate }
  | { do: "head"; status: number; headers: Record<string, string> }
  | { do: "write"; bytes: Buffer }
  | { do: "wait"; ms: number }
  | { do: "end" | "cut" | "reset" | "stall" };

/** What a reply depends on. */
export type PlanRequest = Pick<ReceivedRequest, "n" | "protocol" | "stream" | "body">;

/** How each protocol is printed. */
export const WIRES: Record<Protocol, Wire> = { chat: chatWire, messages: messagesWire };

interface Printed extends Body {
  status: number;
  headers: Record<string, string>;
  /** Gates before the headers. */
  first: readonly Gate[];
}

interface Stop {
  how: "end" | "cut" | "reset" | "stall";
  /** Undefined: before the headers. */
  at: number | undefined;
}

/** The exact bytes that a reply's body has, for tests that cut it at each of them. */
export function bodyBytes(reply: Reply, request: Partial<PlanRequest> = {}): Buffer {
  return print(reply, { n: 1, protocol: "chat", stream: true, body: undefined, ...request }).bytes;
}

/** How a reply is sent, step by step. */
export function planOf(reply: Reply, request: PlanRequest): Step[] {
  const printed = print(reply, request);
  const stop = stopOf(reply, printed);
  const holds = (gates: readonly Gate[]): Step[] => gates.map((gate) => ({ do: "hold", gate }));
  const before = holds([...(reply.gate === undefined ? [] : [reply.gate]), ...printed.first]);
  if (stop.at === undefined) return [...before, { do: stop.how }];
  const head: Step = { do: "head", status: printed.status, headers: headersOf(reply, printed, request) };
  return [...before, head, ...bodySteps(reply, printed, stop.at), { do: stop.how }];
}

/** What a wire needs to know of a request. */
export function callOf({ n, body }: Pick<PlanRequest, "n" | "body">): Call {
  const model = typeof body?.["model"] === "string" ? body["model"] : "fake-model";
  const options = body?.["stream_options"];
  return { n, model, includeUsage: isJsonObject(options) && options["include_usage"] === true };
}

function print(reply: Reply, request: PlanRequest): Printed {
  return isRaw(reply) ? printRaw(reply, request) : printAnswer(reply, request);
}

function printAnswer(answer: Answer, request: PlanRequest): Printed {
  const wire = WIRES[request.protocol];
  const call = callOf(request);
  if ((answer.mode ?? (request.stream ? "stream" : "json")) === "json") {
    const { failure, editBody = (body) => body } = answer;
    const broken = failure === true ? wire.failure(call) : failure;
    return { ...printedJson(200, editBody(broken ?? wire.body(answer, call))), first: gatesOf(answer) };
  }
  const edits = answer.edits ?? [];
  const items = edits.reduce((sofar, edit) => [...edit(sofar, request.protocol)], wire.events(answer, call));
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
  return { status: 200, headers, first: [], ...encodeStream(items, answer.sse) };
}

function printRaw(reply: RawReply, request: PlanRequest): Printed {
  const { status, body = WIRES[request.protocol].error(status, callOf(request)) } = reply;
  if (isJsonObject(body) && !Buffer.isBuffer(body)) return { ...printedJson(status, body), first: [] };
  return { status, headers: { "content-type": "application/json" }, first: [], ...rawBody(body) };
}

function printedJson(status: number, json: unknown): Omit<Printed, "first"> {
  const bytes = Buffer.from(JSON.stringify(json));
  return { status, headers: { "content-type": "application/json" }, bytes, events: [], gates: [] };
}

/** A raw body's writes stand in for the events of a stream. */
function rawBody(body: Exclude<RawBody, JsonObject> | Buffer): Body {
  const parts = typeof body === "string" || Buffer.isBuffer(body) ? [body] : body;
  const chunks: Buffer[] = [];
  const events: number[] = [];
  const gates: { at: number; gate: Gate }[] = [];
  let size = 0;
  for (const part of parts) {
    if (isGate(part)) {
      gates.push({ at: size, gate: part });
      continue;
    }
    const chunk = Buffer.from(part);
    chunks.push(chunk);
    size += chunk.length;
    events.push(size);
  }
  return { bytes: Buffer.concat(chunks), events, gates };
}

function headersOf(reply: Reply, printed: Printed, request: PlanRequest): Record<string, string> {
  const own = Object.entries(reply.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  const headers: Record<string, string> = {
    ...printed.headers,
    [WIRES[request.protocol].requestIdHeader]: `req_fake_${request.n}`,
    ...Object.fromEntries(own),
  };
  // With a length, an early end would be an error of HTTP, which it must not be.
  const streams = printed.events.length > 1 || headers["content-type"]?.startsWith("text/event-stream");
  if (streams || reply.end !== undefined) return headers;
  return { ...headers, "content-length": String(printed.bytes.length) };
}

function stopOf(delivery: Delivery, printed: Printed): Stop {
  const stops = (["cut", "reset", "stall", "end"] as const).flatMap((how) => {
    const at = delivery[how];
    return at === undefined ? [] : [{ how, at: at === "before-headers" ? undefined : offsetOf(at, printed) }];
  });
  if (stops.length > 1) throw new Error("fake upstream: a reply has one of cut, reset, stall, end");
  return stops[0] ?? { how: "end", at: printed.bytes.length };
}

function offsetOf(at: BodyOffset, { bytes, events }: Body): number {
  const offset = typeof at === "number" ? at : at.events === 0 ? 0 : events[at.events - 1];
  if (offset === undefined || !Number.isInteger(offset) || offset < 0 || offset > bytes.length) {
    const has = `${bytes.length} bytes and ${events.length} events`;
    throw new RangeError(`fake upstream: no place ${JSON.stringify(at)} in a body of ${has}`);
  }
  return offset;
}

function bodySteps(delivery: Delivery, body: Body, end: number): Step[] {
  const gates = body.gates.filter(({ at }) => at <= end);
  const marks = [...splitOffsets(delivery, body), ...gates.map(({ at }) => at), end];
  const offsets = [...new Set([0, ...marks])].filter((at) => at >= 0 && at <= end).sort((a, b) => a - b);
  return offsets.flatMap((to, n): Step[] => {
    const bytes = body.bytes.subarray(offsets[n - 1] ?? 0, to);
    const wait: Step[] = delivery.drip === undefined ? [] : [{ do: "wait", ms: delivery.drip.everyMs }];
    const write: Step[] = bytes.length === 0 ? [] : [...wait, { do: "write", bytes }];
    const held = gates.filter(({ at }) => at === to);
    return [...write, ...held.map(({ gate }): Step => ({ do: "hold", gate }))];
  });
}

function splitOffsets({ split, drip }: Delivery, { bytes, events }: Body): readonly number[] {
  const how = split ?? (drip === undefined ? "events" : 1);
  if (how === "events") return events;
  if (how === "whole") return [];
  if (typeof how !== "number") return how;
  return Array.from({ length: Math.ceil(bytes.length / how) }, (_, n) => n * how);
}
