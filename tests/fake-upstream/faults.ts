import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { RawReply } from "./script.ts";

/** Who says that a prompt does not fit: each says it in its own words. */
export type ContextDialect = keyof typeof CONTEXT_LENGTH;

/**
 * "The prompt is too long", as real servers put it.
 * `llama.cpp-500`: its other answer to the same; `vllm-flat`: older versions, without an `error` object.
 * @see https://github.com/ggml-org/llama.cpp/pull/15780
 * @see https://github.com/ggml-org/llama.cpp/issues/19774
 * @see https://github.com/vllm-project/vllm/issues/19464
 * @see https://github.com/ollama/ollama/blob/main/openai/openai.go
 */
export const CONTEXT_LENGTH = {
  openai: contextError(400, {
    error: {
      message:
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded",
    } satisfies OpenAI.ErrorObject,
  }),
  anthropic: contextError(400, {
    type: "error",
    error: { type: "invalid_request_error", message: "prompt is too long: 208656 tokens > 200000 maximum" },
    request_id: "req_fake",
  } satisfies Anthropic.ErrorResponse),
  "llama.cpp": contextError(400, {
    error: {
      code: 400,
      message: "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
      type: "exceed_context_size_error",
      n_prompt_tokens: 9000,
      n_ctx: 8192,
    },
  }),
  "llama.cpp-500": contextError(500, {
    error: { code: 500, message: "Context size has been exceeded.", type: "server_error" },
  }),
  vllm: contextError(400, {
    error: {
      message:
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
      type: "BadRequestError",
      param: null,
      code: 400,
    },
  }),
  "vllm-flat": contextError(400, {
    object: "error",
    message:
      "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
    type: "BadRequestError",
    param: null,
    code: 400,
  }),
  ollama: contextError(400, {
    error: {
      message: "prompt too long; exceeded max context length by 808 tokens",
      type: "invalid_request_error",
      param: null,
      code: null,
    },
  }),
  "ollama-native": contextError(400, { error: "the input length exceeds the context length" }),
} satisfies Record<string, RawReply>;

/** A 429 that waiting does not cure: the account has no credit. */
export const QUOTA_EXCEEDED: RawReply = {
  status: 429,
  body: {
    error: {
      message: "You exceeded your current quota, please check your plan and billing details.",
      type: "insufficient_quota",
      param: null,
      code: "insufficient_quota",
    } satisfies OpenAI.ErrorObject,
  },
};

/** What a proxy in between says, with any status, 200 too. */
export function htmlPage(status = 200): RawReply {
  const body = "<!DOCTYPE html>\n<html><head><title>Bad Gateway</title></head><body>nginx</body></html>\n";
  return { status, headers: { "content-type": "text/html; charset=utf-8" }, body };
}

function contextError(status: number, body: NonNullable<RawReply["body"]>): RawReply {
  return { status, body };
}
