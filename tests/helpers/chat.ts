import { ApiError, type Failure } from "../../src/domain/error.ts";
import { errorType } from "../../src/domain/error-codes.ts";
import type { RunInput } from "../../src/domain/run.ts";
import { httpStatus } from "../../src/http/errors.ts";
import { validateWithZod } from "../../src/http/zod.ts";
import { type ChatTerms, decodeChat } from "../../src/wire/openai/chat/decode.ts";
import { ChatRequest } from "../../src/wire/openai/chat/schema.ts";

/** The shortest conversation. */
export const HELLO = [{ role: "user", content: "Hello?" }];

/** A body as the route's validator takes it. @throws ApiError as the client gets it. */
export function parseChat(body: unknown): ChatRequest {
  const validate = validateWithZod({ schema: ChatRequest, method: "POST", url: "/", httpPart: "body" });
  const result = validate(body) as { value: ChatRequest } | { error: ApiError };
  if ("error" in result) throw result.error;
  return result.value;
}

const TERMS: ChatTerms = { owner: "owner", sessionId: undefined, clientTools: "allow", background: false };

/** What a body asks the agent to do; without messages of its own it says hello. */
export function decode(body: object, terms: Partial<ChatTerms> = {}): RunInput {
  return decodeChat(parseChat({ messages: HELLO, ...body }), { ...TERMS, ...terms });
}

/** The refusal of something that must throw one. @throws whatever else is thrown. */
export function refusalOf(call: () => unknown): Failure & { status: number; type: string } {
  try {
    const value = call();
    throw new Error(`expected a refusal, got ${JSON.stringify(value)}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { failure } = error;
    return { ...failure, status: httpStatus(failure), type: errorType(failure.code) };
  }
}
