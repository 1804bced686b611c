/**
 * What kind of failure it is, for whoever decides what to do about it. Each has one HTTP status, in `http/errors.ts`.
 * `busy` and `full` end by themselves or by somebody's hand; `unavailable` ends soon; `upstream` is the model's server.
 */
export type ErrorKind =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "missing"
  | "not_allowed"
  | "too_slow"
  | "conflict"
  | "too_large"
  | "url_too_long"
  | "unsupported"
  | "expectation"
  | "misdirected"
  | "busy"
  | "headers_too_large"
  | "client_left"
  | "internal"
  | "not_implemented"
  | "upstream"
  | "unavailable"
  | "timeout"
  | "http_version"
  | "full";

/** What a code of the catalogue says. */
interface ErrorEntry {
  kind: ErrorKind;
  /** What happened, one sentence. */
  meaning: string;
  /** What to do about it, one sentence. */
  cure: string;
  /** OpenAI's word for it, where it is not that of the kind. */
  type?: string;
}

const invalid = (meaning: string, cure: string) => ({ kind: "invalid", meaning, cure }) as const;
const missing = (meaning: string, cure: string) => ({ kind: "missing", meaning, cure }) as const;
const conflict = (meaning: string, cure: string) => ({ kind: "conflict", meaning, cure }) as const;
const upstream = (meaning: string, cure: string) => ({ kind: "upstream", meaning, cure }) as const;

/** Every code that an error of this server can have. docs/guides/errors.md is made from it. */
export const ERROR_CODES = {
  approval_not_active: conflict(
    "The run asks nobody: it has ended, or runs unattended.",
    "Start the run with attended: true to be asked.",
  ),
  approval_not_found: missing("There is no such permission for later calls.", "List the permissions again."),
  approval_not_pending: conflict(
    "No such call of the run waits for an approval: it was answered, it expired, or the run has ended.",
    "Read the run's pending approvals again.",
  ),
  backup_in_progress: conflict(
    "Another backup is being made or read.",
    "Ask again when that backup has ended.",
  ),
  body_too_complex: invalid(
    "The body has too many values, keys or levels.",
    "Send fewer than 100,000 values, 5,000 keys per object and 128 levels.",
  ),
  body_too_large: {
    kind: "too_large",
    meaning: "The request body is larger than 10 MB.",
    cure: "Send less, or put large files in the workspace.",
  },
  clarify_not_active: conflict(
    "The run asks nobody: it has ended, or runs unattended.",
    "Start the run with attended: true to be asked.",
  ),
  clarify_not_pending: conflict(
    "No such question of the run waits for an answer.",
    "Read the run's pending questions again.",
  ),
  client_closed_request: {
    kind: "client_left",
    meaning: "The client left before its turn.",
    cure: "Nothing was done; send the request again.",
  },
  compaction_failed: upstream(
    "The model did not write a whole summary of the conversation; nothing was compacted.",
    "Send the request again, or choose a model with a larger output limit.",
  ),
  context_length_exceeded: invalid(
    "The conversation is too long for the model.",
    "Shorten it, use truncation: auto, or choose a model with a larger context.",
  ),
  conversation_not_found: missing(
    "There is no such conversation.",
    "Check the id, or create a conversation.",
  ),
  expectation_failed: {
    kind: "expectation",
    meaning: "The Expect header asks for something other than 100-continue.",
    cure: "Send Expect: 100-continue, or no Expect header.",
  },
  gateway_draining: {
    kind: "unavailable",
    meaning: "The server is shutting down and accepts no new work.",
    cure: "Send the request again after Retry-After.",
  },
  headers_too_large: {
    kind: "headers_too_large",
    meaning: "The request headers are larger than 16 KB.",
    cure: "Send fewer or shorter headers.",
  },
  host_not_allowed: {
    kind: "misdirected",
    meaning: "The Host header names neither this machine nor an allowed host.",
    cure: "Add the host to API_SERVER_ALLOWED_HOSTS.",
  },
  http_version_not_supported: {
    kind: "http_version",
    type: "invalid_request_error",
    meaning: "The request uses an HTTP version that the server does not speak.",
    cure: "Use HTTP/1.1.",
  },
  idempotency_key_conflict: conflict(
    "The Idempotency-Key was used for a different request.",
    "Use a new key for a new request.",
  ),
  insufficient_storage: {
    kind: "full",
    meaning: "The disk has no space for a copy of the database.",
    cure: "Free space on the server's disk.",
  },
  internal_error: {
    kind: "internal",
    meaning: "The server failed.",
    cure: "Look in the server's log for the x-request-id or run id of the answer.",
  },
  invalid_api_key: {
    kind: "unauthorized",
    meaning: "The request has no API key, or a wrong one.",
    cure: "Send Authorization: Bearer with the server's API_SERVER_KEY.",
  },
  invalid_approval_choice: invalid(
    "The choice is not one of once, session, always, deny.",
    "Send one of these.",
  ),
  invalid_approval_request: invalid(
    "The id of the approval is malformed.",
    "Send the id as the event had it.",
  ),
  invalid_content_length: invalid(
    "The body is not as long as Content-Length says.",
    "Send the right length, or use chunks.",
  ),
  invalid_cursor: invalid(
    "Last-Event-ID is not the id of an event of this run.",
    "Send the id of the last event that was read.",
  ),
  invalid_handshake: invalid("The WebSocket handshake is wrong.", "Use a WebSocket client of version 13."),
  invalid_idempotency_key: invalid(
    "The Idempotency-Key is empty, too long, or not visible ASCII.",
    "Use 1 to 255 visible ASCII characters.",
  ),
  invalid_image_url: invalid(
    "The image is neither a data: URL nor an http(s) URL that can be used.",
    "Send one of these.",
  ),
  invalid_job_id: invalid("The id is not that of a job.", "Job ids are 12 hexadecimal digits."),
  invalid_json: invalid("The body is not valid JSON in UTF-8.", "Send valid JSON."),
  invalid_operator_key: {
    kind: "forbidden",
    meaning: "The X-Hermes-Operator-Key is wrong.",
    cure: "Make a new key with hermes operator-key.",
  },
  invalid_pagination: invalid("A value for paging is out of range.", "See the field named by param."),
  invalid_request: invalid(
    "The request is not valid HTTP for this server.",
    "Check the client or the proxy.",
  ),
  invalid_schedule: invalid(
    "The schedule cannot be read, or is never due.",
    "Use a form from the guide for jobs.",
  ),
  invalid_session_field: invalid(
    "A field of the session has a wrong value.",
    "See the field named by param.",
  ),
  invalid_session_id: invalid("The session id is malformed or reserved.", "Use 1 to 256 visible characters."),
  invalid_steer_input: invalid("The steering text is missing or empty.", "Send input."),
  invalid_system_message: invalid("The system message is not text.", "Send text."),
  invalid_system_prompt: invalid(
    "The system prompt is not text, or too long.",
    "Send at most 200,000 characters.",
  ),
  invalid_title: invalid("The title is too long, or another session has it.", "Choose another title."),
  invalid_url: invalid("The request is addressed to a full URL.", "Send the request to a path."),
  invalid_value: invalid("A field has a value that is not accepted.", "See the field named by param."),
  item_not_found: missing("The conversation has no such item.", "List the items again."),
  job_completed: conflict(
    "The job is completed and never due again.",
    "Change its schedule or repeat first, or run it now.",
  ),
  job_not_found: missing("There is no such job.", "List the jobs again."),
  message_not_found: invalid("The session has no such message.", "List the messages again."),
  method_not_allowed: {
    kind: "not_allowed",
    meaning: "The path does not accept this method.",
    cure: "Use a method of the Allow header.",
  },
  missing_host: invalid("The Host header is missing.", "Send it; HTTP/1.1 requires it."),
  missing_message: invalid("The message is missing.", "Send message."),
  missing_model: invalid("Neither model nor provider is given.", "Send one of them."),
  missing_required_parameter: invalid("A required field is missing.", "Send the field named by param."),
  missing_tool_output: invalid(
    "The client's own tool calls are not all answered.",
    "Send a result for each call that is named.",
  ),
  model_lock_unavailable: conflict(
    "The model or provider that the session is to be locked to cannot be used.",
    "Choose a configured one.",
  ),
  model_not_found: missing("There is no such model.", "List the models with GET /v1/models."),
  operator_key_required: {
    kind: "forbidden",
    meaning: "Only the operator answers approvals here.",
    cure: "Send the operator's key as X-Hermes-Operator-Key.",
  },
  origin_not_allowed: {
    kind: "forbidden",
    meaning: "The browser's origin is not on the allow-list.",
    cure: "Add it to API_SERVER_CORS_ORIGINS.",
  },
  output_not_found: missing("The job has no such output.", "List the outputs again."),
  path_too_long: {
    kind: "url_too_long",
    meaning: "A part of the path is longer than 512 characters.",
    cure: "Check the id in the path.",
  },
  previous_response_in_progress: invalid(
    "The previous response has not ended.",
    "Wait for its end, or cancel it.",
  ),
  previous_response_not_found: invalid(
    "There is no such previous response (404 with previous_response_not_found_status: 404).",
    "Send the whole conversation, or another id.",
  ),
  prompt_refused: invalid(
    "The job's prompt looks like an attempt to misuse the agent.",
    "Remove what the message names.",
  ),
  provider_conflict: invalid(
    "The model belongs to another provider.",
    "Send only one of model and provider.",
  ),
  provider_not_found: invalid("The provider is not configured.", "Use one that the message names."),
  rate_limit_exceeded: {
    kind: "busy",
    meaning: "A limit of this server is reached.",
    cure: "Send the request again after Retry-After.",
  },
  repeated_header: invalid("A header that must come once came twice.", "Send it once."),
  request_timeout: {
    kind: "too_slow",
    meaning: "The request took too long to arrive.",
    cure: "Send it again over a better connection.",
  },
  response_not_cancellable: invalid(
    "The response is not a background response.",
    "Close its connection to stop it.",
  ),
  response_not_found: missing("There is no such response.", "Check the id."),
  run_cancelled: {
    kind: "conflict",
    type: "server_error",
    meaning: "The run was cancelled before it answered.",
    cure: "Send the request again if the answer is still wanted.",
  },
  run_not_accepting_steer: conflict(
    "The run has not started or has already ended.",
    "Start another run with the text.",
  ),
  run_not_found: missing("There is no such run.", "Check the id."),
  run_timeout: {
    kind: "timeout",
    meaning: "The run took longer than its time limit.",
    cure: "Raise agent.max_run_seconds, or ask for less at once.",
  },
  server_restarted: {
    kind: "unavailable",
    meaning: "The server was restarted before the answer was complete.",
    cure: "Look at what was done, then send the request again.",
  },
  server_shutdown: {
    kind: "unavailable",
    meaning: "The server shut down before the answer was complete.",
    cure: "Look at what was done, then send the request again.",
  },
  session_active_turn: conflict(
    "A turn of the session is running or waiting.",
    "Stop it, or wait for its end.",
  ),
  session_busy: conflict(
    "Another run of the session is running.",
    "Wait for it, or use on_conflict: enqueue or interrupt.",
  ),
  session_exists: conflict("A session with this id exists.", "Use another id, or go on with that session."),
  session_not_found: missing("There is no such session.", "Check the id."),
  storage_full: {
    kind: "full",
    meaning: "The disk is full; nothing was stored.",
    cure: "Free space, or delete what is stored.",
  },
  storage_unavailable: {
    kind: "unavailable",
    meaning: "The server's database cannot be used at the moment; nothing was stored.",
    cure: "Look in the server's log, then send the request again.",
  },
  too_many_wrong_keys: {
    kind: "busy",
    meaning: "Many wrong keys came from this address.",
    cure: "Wait for Retry-After and send the right key.",
  },
  tool_loop: upstream(
    "The model repeated one call with one result and did not stop.",
    "Ask differently, or use another model.",
  ),
  unknown_parameter: invalid("The request has an unknown field.", "Remove the field named by param."),
  unknown_tool_call: invalid(
    "A tool result has an id that no tool call has.",
    "Send the id of the call it belongs to.",
  ),
  unknown_url: missing("There is no such path.", "Check the path; the guides list all."),
  unsupported_content_encoding: {
    kind: "unsupported",
    meaning: "The body is compressed.",
    cure: "Send it uncompressed.",
  },
  unsupported_content_type: invalid(
    "A file or part of a message is of a kind that cannot be read.",
    "See the field named by param.",
  ),
  unsupported_endpoint: missing(
    "The server does not have this part of OpenAI's API.",
    "See the hint in the message.",
  ),
  unsupported_media_type: {
    kind: "unsupported",
    meaning: "The body is not JSON in UTF-8.",
    cure: "Send Content-Type: application/json.",
  },
  unsupported_parameter: invalid("The server does not have this part of the API.", "Leave the field out."),
  unsupported_session_field: invalid(
    "This field of a session cannot be changed.",
    "Use one that the message names.",
  ),
  unsupported_tool: invalid(
    "The tool type is not available.",
    "Declare functions, or let the agent use its own tools.",
  ),
  unsupported_transfer_encoding: invalid(
    "HTTP/1.0 has no Transfer-Encoding; a coding other than chunked answers 501.",
    "Send the body as it is, in chunks or with Content-Length.",
  ),
  upstream_auth_failed: upstream(
    "The model's server refused the configured API key.",
    "Check the key in the configuration.",
  ),
  upstream_error: upstream("The model's server failed.", "Send the request again later."),
  upstream_malformed: upstream(
    "The model's server sent an answer that cannot be read.",
    "Check LLM_BASE_URL and the protocol.",
  ),
  upstream_model_not_found: upstream(
    "The model's server does not know the model.",
    "Check LLM_MODEL and LLM_BASE_URL.",
  ),
  upstream_overloaded: {
    kind: "unavailable",
    meaning: "The model's server is overloaded.",
    cure: "Send the request again later.",
  },
  upstream_rate_limited: {
    kind: "busy",
    meaning: "The model's server limits the server's requests.",
    cure: "Send the request again after Retry-After.",
  },
  upstream_rejected: invalid("The model's server rejected the request.", "See its own words in the message."),
  upstream_timeout: {
    kind: "timeout",
    meaning: "The model's server took too long.",
    cure: "Send the request again, or raise llm.timeout_seconds.",
  },
  upstream_truncated: upstream("The model's answer was cut off.", "Send the request again."),
  upstream_unreachable: upstream(
    "The model's server cannot be reached.",
    "Check that it runs, and LLM_BASE_URL.",
  ),
  url_too_long: {
    kind: "url_too_long",
    meaning: "The URL is longer than 16 KB.",
    cure: "Send a shorter one.",
  },
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The codes of one kind. */
export type CodeOfKind<Kind extends ErrorKind> = {
  [Code in ErrorCode]: (typeof ERROR_CODES)[Code]["kind"] extends Kind ? Code : never;
}[ErrorCode];

/** Whether a text is a code of the catalogue. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}

const ENTRIES: Readonly<Record<string, ErrorEntry>> = ERROR_CODES;

/** Returns the kind of a failure; a stored failure may have a code that the catalogue no longer has. */
export function errorKind({ code, kind }: { code: string; kind?: ErrorKind }): ErrorKind {
  return kind ?? ENTRIES[code]?.kind ?? "internal";
}

const SERVER_KINDS: ReadonlySet<ErrorKind> = new Set([
  "internal",
  "not_implemented",
  "upstream",
  "unavailable",
  "timeout",
  "http_version",
  "full",
]);

/** Whether the server or the model's server is at fault, and not the client. */
export function isServerKind(kind: ErrorKind): boolean {
  return SERVER_KINDS.has(kind);
}

/** Returns OpenAI's `type` for a code. @see https://platform.openai.com/docs/guides/error-codes */
export function errorType(code: string): string {
  const entry = ENTRIES[code];
  if (entry?.type !== undefined) return entry.type;
  const kind = entry?.kind ?? "internal";
  if (kind === "busy") return "rate_limit_error";
  return SERVER_KINDS.has(kind) ? "server_error" : "invalid_request_error";
}
