import type { Readable } from "node:stream";
import { errorCodes, type FastifyInstance, type FastifyRequest } from "fastify";
import { type ApiError, httpRefusal, invalidRequest } from "../domain/error.ts";
import { Leftovers } from "../lib/memory.ts";
import { BodyText, LONG_CHARS } from "./body-text.ts";
import { JsonCount } from "./json-count.ts";

/** The longest body. */
export const BODY_LIMIT_BYTES = 10_000_000;

/**
 * From this length on, garbage is collected before the content is copied again, for the model's server and the store.
 */
const HUGE_CHARS = 4_000_000;

/** Accepts one kind of body: uncompressed JSON in UTF-8. A request without a body needs no content type. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser("error", "error");
  const leftovers = new Leftovers();
  const long = new WeakMap<FastifyRequest, BodyText>();
  app.addContentTypeParser("application/json", (request, payload, done) => {
    receive(request, payload, (body) => {
      if (body instanceof Error) done(body);
      // Some requests, such as a cancel, have no body, whatever their content type says.
      else if (body.length === 0) done(null, undefined);
      else if (!body.isLong) parseJson(request, body.take(), done);
      else {
        leftovers.expect();
        long.set(request, body);
        parseLong(body, (text, then) => parseJson(request, text, then), done);
      }
    });
  });
  app.addHook("preHandler", (request, _reply, next) => {
    const body = long.get(request);
    if (body === undefined) next();
    else if (body.length < HUGE_CHARS) setImmediate(next);
    else
      setImmediate(() => {
        leftovers.collect();
        setImmediate(next);
      });
  });
}

type Done = (error: Error | null, value?: unknown) => void;

/** Each step takes some 25 ms for a long body: other requests get a turn in between. */
function parseLong(body: BodyText, parse: (text: string, done: Done) => void, done: Done): void {
  setImmediate(() => {
    const text = body.take();
    setImmediate(() => parse(text, (error, value) => setImmediate(done, error, value)));
  });
}

/**
 * JSON text in UTF-8 as a value, by the rules for bodies.
 * @throws ApiError 400 for anything else.
 */
export function jsonReader(app: FastifyInstance): (bytes: Buffer) => unknown {
  const parse = app.getDefaultJsonParser("error", "error");
  const leftovers = new Leftovers();
  return (bytes) => {
    const count = new JsonCount();
    count.add(bytes);
    if (count.refusal !== undefined) throw count.refusal;
    if (bytes.length >= LONG_CHARS) leftovers.expect();
    let read: { value: unknown } | undefined;
    // The parser answers at once, and does not look at the request.
    parse(undefined as unknown as FastifyRequest, bytes.toString(), (error, value) => {
      if (error === null) read = { value };
    });
    if (read === undefined) throw invalidRequest(undefined, "The message is not valid JSON.", "invalid_json");
    return read.value;
  };
}

/** Reads the whole body, so that a refusal arrives; only one that is too long is refused at once. */
function receive(
  { headers }: FastifyRequest,
  payload: Readable,
  done: (body: BodyText | Error) => void,
): void {
  const length = Number(headers["content-length"]);
  if (length > BODY_LIMIT_BYTES) {
    done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    return;
  }
  const body = new BodyText();
  let received = 0;
  const end = (outcome: BodyText | Error) => {
    payload.off("data", onData).off("end", onEnd).off("error", onError);
    done(outcome);
  };
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    if (received > BODY_LIMIT_BYTES) end(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    else body.add(chunk);
  };
  const onError = () => end(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH());
  const onEnd = () => {
    if (received !== length && headers["content-length"] !== undefined) onError();
    else end(checkHeaders(headers) ?? body.end() ?? body);
  };
  payload.on("data", onData).on("end", onEnd).on("error", onError);
}

/** Returns why the headers make a body unacceptable. */
function checkHeaders(headers: FastifyRequest["headers"]): ApiError | undefined {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && !/^(identity)?$/i.test(encoding)) {
    return httpRefusal("unsupported_content_encoding", "Send the body as it is, not compressed.");
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    return httpRefusal("unsupported_media_type", "Send the body in UTF-8; JSON has no other charset.");
  }
  return undefined;
}
