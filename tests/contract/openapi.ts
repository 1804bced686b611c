import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { type Chunk, framesOf } from "../helpers/frames.ts";
import { textOf } from "../helpers/sources.ts";

/** An answer to a request, as it came. */
export interface GivenAnswer {
  method: string;
  /** Path and query. */
  url: string;
  status: number;
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>;
  text: string;
}

interface Operation {
  operationId: string;
  responses: Record<string, Answer>;
}

interface Answer {
  content?: Record<string, { schema: object }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

const document = parse(textOf("openapi.yaml")) as Document;

const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: "openapi", components: document.components });
const validators = new Map<object, ValidateFunction>();

/** The ids of all documented operations. */
export const OPERATIONS: readonly string[] = Object.values(document.paths).flatMap((path) =>
  Object.values(path).map(({ operationId }) => operationId),
);

/** On every answer. */
const HEADERS: Readonly<Record<string, RegExp>> = {
  "x-request-id": /^[\w.:-]{1,128}$/,
  "openai-processing-ms": /^\d+$/,
  "x-content-type-options": /^nosniff$/,
  "referrer-policy": /^no-referrer$/,
  "content-security-policy": /default-src 'none'/,
  "x-frame-options": /^DENY$/,
  "permissions-policy": /camera=\(\)/,
};

/** @throws Error that names everything about the answer that openapi.yaml and the rules for all answers do not allow. */
export function checkAnswer(answer: GivenAnswer): void {
  const faults = Object.entries(HEADERS)
    .filter(([name, form]) => !form.test(answer.headers[name] ?? ""))
    .map(([name]) => `header ${name}: ${answer.headers[name]}`);
  faults.push(...bodyFaults(answer));
  if (faults.length === 0) return;
  const { method, url, status, text } = answer;
  throw new Error(
    `${method} ${url} was answered ${status} against openapi.yaml:\n${faults.join("\n")}\n${text.slice(0, 500)}`,
  );
}

function bodyFaults(answer: GivenAnswer): string[] {
  const { method, status, headers, text } = answer;
  if (method === "HEAD" || status === 204) return text === "" ? [] : ["a body where none may be"];
  const type = headers["content-type"]?.split(";", 1)[0] ?? "no content-type";
  const operation = operationOf(answer);
  if (operation === undefined && status < 400) return ["no such operation is documented"];
  const responses = operation?.responses ?? {};
  const documented = responses[String(status)] ?? responses["default"] ?? (operation ? undefined : ERROR);
  if (documented === undefined) return [`${operation?.operationId} documents no status ${status}`];
  const content = documented.content?.[type];
  if (content === undefined) return [`${type} is not documented for this answer`];
  if (type === "text/event-stream") return STREAM_FAULTS[operation?.operationId ?? ""]?.(text) ?? [];
  return type === "application/json" ? schemaFaults(content.schema, JSON.parse(text)) : [];
}

/** Whatever is not documented is refused in the one form of errors. */
const ERROR_SCHEMA = { $ref: "#/components/schemas/Error" };
const ERROR: Answer = { content: { "application/json": { schema: ERROR_SCHEMA } } };

/** The operation of a path, also of its aliases: without `/v1`, and sessions under it. */
function operationOf({ method, url }: GivenAnswer): Operation | undefined {
  const path = (url.split("?", 1)[0] ?? "").replace(/^\/v1\/sessions(?=\/|$)/, "/api/sessions");
  const templates = Object.keys(document.paths).filter((known) => {
    const form = new RegExp(`^${known.replace(/\{\w+\}/g, "[^/]+")}$`);
    return form.test(path) || form.test(`/v1${path}`);
  });
  // A word where others have an id is a path of its own.
  const operations = templates.map((template) => document.paths[template]?.[method.toLowerCase()]);
  return operations.find((operation) => operation !== undefined);
}

function schemaFaults(schema: object, value: unknown): string[] {
  let validate = validators.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')));
    validators.set(schema, validate);
  }
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

/** The frames of one response to its end: named as their data is, with numbers that rise by one. */
function responseFaults(text: string): string[] {
  const frames = framesOf(text).filter(({ comment }) => comment === undefined);
  const faults = frames.at(-1)?.data === "[DONE]" ? [] : ["the stream does not end with [DONE]"];
  const events = frames.slice(0, -1).map(({ event, data }) => ({ event, ...JSON.parse(data ?? "") }));
  const first: number = events[0]?.sequence_number ?? 0;
  let next = first;
  for (const { event, type, sequence_number: number } of events) {
    if (event !== type) faults.push(`${event} is named otherwise than ${type}`);
    // After a restart numbers go on above all that may have been given out; a delta of an old run stands for several.
    const mayJump = number % 64 === 0 || (type.endsWith(".delta") && number > next);
    if (number !== next && !mayJump && first < 64) faults.push(`${type} is number ${number}`);
    next = number + 1;
  }
  const ends = events.filter(({ type }) => RESPONSE_ENDS.includes(type));
  if (ends.length > 1) faults.push(`${ends.length} ends`);
  return faults;
}

/** The events of a run: each with its number, which rises. */
function runFaults(text: string): string[] {
  const ids = framesOf(text).flatMap(({ id }) => (id === undefined ? [] : [Number(id)]));
  return ids.every((id, index) => id > (ids[index - 1] ?? 0)) ? [] : [`ids do not rise: ${ids}`];
}

/** A session's turn: numbered frames of one run, with a name each, that end with `done`. */
function sessionFaults(text: string): string[] {
  const frames = framesOf(text).filter(({ comment }) => comment === undefined);
  const heads = frames.map(({ data }) => JSON.parse(data ?? "") as { run_id: string; seq: number });
  const faults = frames.at(-1)?.event === "done" ? [] : ["the stream does not end with done"];
  if (frames.filter(({ event }) => event === "done").length > 1) faults.push("it goes on after done");
  if (frames.some(({ event }) => event === undefined)) faults.push("a frame has no name");
  if (heads.some(({ seq }, index) => seq !== index + 1)) faults.push("numbers do not rise by one");
  if (new Set(heads.map(({ run_id }) => run_id)).size !== 1) faults.push("there are several runs");
  return faults;
}

const STREAM_FAULTS: Readonly<Record<string, (text: string) => string[]>> = {
  createChatCompletion: streamFaults,
  createResponse: responseFaults,
  getResponse: responseFaults,
  followRun: runFaults,
  streamSessionChat: sessionFaults,
};

const RESPONSE_ENDS = ["response.completed", "response.incomplete", "response.failed"];

const CHUNK_KEYS = ["id", "object", "created", "model", "choices"];

/** A whole stream: chunks of one completion, the first with the role, perhaps an error, `[DONE]`, and no more. */
function streamFaults(text: string): string[] {
  const frames = framesOf(text).filter(({ comment }) => comment === undefined);
  const faults = frames.at(-1)?.data === "[DONE]" ? [] : ["the stream does not end with [DONE]"];
  const data: Chunk[] = frames.slice(0, -1).map((frame) => JSON.parse(frame.data ?? ""));
  const heads = new Set(data.filter(({ error }) => !error).map(({ id, model }) => `${id} ${model}`));
  if (heads.size > 1) faults.push(`chunks of several completions: ${[...heads]}`);
  if (data[0]?.choices?.[0]?.delta.role !== "assistant")
    faults.push("the first chunk does not have the role");
  for (const [index, chunk] of data.entries()) {
    if (chunk.error === undefined) {
      const missing = CHUNK_KEYS.filter((key) => !(key in chunk));
      if (missing.length > 0) faults.push(`chunk ${index} lacks ${missing}`);
      continue;
    }
    faults.push(...schemaFaults(ERROR_SCHEMA, chunk));
    if (index < data.length - 1) faults.push("the stream goes on after an error");
  }
  const finishes = data.flatMap(({ choices }) => choices ?? []).filter(({ finish_reason: r }) => r !== null);
  const errors = data.filter(({ error }) => error);
  if (finishes.length + errors.length !== 1) faults.push(`${finishes.length + errors.length} ends`);
  return faults;
}
