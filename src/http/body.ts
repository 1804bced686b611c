import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type ApiError, httpRefusal, invalidRequest } from "../domain/error.ts";

/** Bodies may be as long as this. */
export const BODY_LIMIT_BYTES = 10_000_000;

/** The one kind of body that comes in: JSON in UTF-8, not compressed. None at all needs no content type. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    const bytes = body as Buffer;
    const refusal = refusalOf(request, bytes);
    if (refusal !== undefined) done(refusal);
    // Cancelling, for one, has no body, whatever the content type says.
    else if (bytes.length === 0) done(null, undefined);
    else parseJson(request, bytes.toString(), done);
  });
}

/**
 * JSON text as a value, by the rules for bodies.
 * @throws ApiError 400 for anything else.
 */
export function jsonReader(app: FastifyInstance): (text: string) => unknown {
  const parse = app.getDefaultJsonParser("error", "error");
  return (text) => {
    let read: { value: unknown } | undefined;
    // The parser answers at once, and does not look at the request.
    parse(undefined as unknown as FastifyRequest, text, (error, value) => {
      if (error === null) read = { value };
    });
    if (read === undefined) throw invalidRequest(undefined, "The message is not valid JSON.", "invalid_json");
    return read.value;
  };
}

/** Bytes are never guessed: read as what they are not, they would be stored and answered as other words. */
function refusalOf({ headers }: FastifyRequest, body: Buffer): ApiError | undefined {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && !/^(identity)?$/i.test(encoding)) {
    return httpRefusal(415, "unsupported_content_encoding", "Send the body as it is, not compressed.");
  }
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    return httpRefusal(415, "unsupported_media_type", "Send the body in UTF-8; JSON has no other charset.");
  }
  return isUtf8(body) ? undefined : invalidRequest(undefined, "The body is not UTF-8.", "invalid_json");
}
