/** Writes openapi.yaml from the routes' schemas; with --check it only says whether the file is up to date. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import swagger from "@fastify/swagger";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { stringify } from "yaml";
import { createApp } from "../src/app/app.ts";
import { loadConfig } from "../src/config/load.ts";
import { VERSION } from "../src/version.ts";

interface Operation {
  parameters?: object[];
  responses: Record<string, { content?: Record<string, unknown>; description: string }>;
}
interface Document {
  components: { schemas: Record<string, unknown> };
  paths: Record<string, Record<string, Operation>>;
}

async function generate(): Promise<Document> {
  const home = mkdtempSync(join(tmpdir(), "openapi-"));
  try {
    const config = loadConfig({
      env: { HERMES_HOME: home, LLM_PROVIDER: "demo", LOG_LEVEL: "silent" },
      cwd: home,
    });
    const app = await createApp(config, "unused", { beforeRoutes: registerSwagger });
    await app.http.ready();
    const document = app.http.swagger() as unknown as Document;
    await app.close();
    describeStreams(document);
    describeKeys(document);
    return sortDocument(tidyComponents(document));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function registerSwagger(http: Awaited<ReturnType<typeof createApp>>["http"]): Promise<void> {
  await http.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "hermes-api-server",
        version: VERSION,
        description: "An agent with tools behind every program that speaks OpenAI.",
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [{ url: "http://127.0.0.1:8642", description: "The default address" }],
      security: [{ bearer: [] }],
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "API_SERVER_KEY" } },
      },
      tags: [
        { name: "chat", description: "Chat completions" },
        { name: "models", description: "Models" },
        { name: "server", description: "What this server can do" },
        { name: "health", description: "Liveness and readiness" },
      ],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}

/** The generator prints each schema once for requests and once for answers: keep what is used, under one name. */
function tidyComponents(document: Document): Document {
  const { schemas } = document.components;
  const isUsed = (name: string) => JSON.stringify(document).includes(`"#/components/schemas/${name}"`);
  const unused = () => Object.keys(schemas).find((name) => !isUsed(name));
  // One at a time: what only an unused schema used is then unused as well.
  for (let name = unused(); name !== undefined; name = unused()) delete schemas[name];
  let text = JSON.stringify(document);
  for (const name of Object.keys(schemas)) {
    const plain = name.replace(/Input$/, "");
    if (plain === name || plain in schemas) continue;
    text = text
      .replaceAll(`"#/components/schemas/${name}"`, `"#/components/schemas/${plain}"`)
      .replace(`"${name}":`, `"${plain}":`);
  }
  return JSON.parse(text) as Document;
}

/** Paths and schemas by name: the file does not change when the routes are added in another order. */
function sortDocument(document: Document): Document {
  const byName = <Value>(entries: Record<string, Value>) =>
    Object.fromEntries(Object.entries(entries).sort(([one], [other]) => (one < other ? -1 : 1)));
  const { components, paths } = document;
  return {
    ...document,
    components: { ...components, schemas: byName(components.schemas) },
    paths: byName(paths),
  };
}

const RESPONSE_STREAM =
  "With `stream: true`: the events of the Responses API as server-sent events, each with its `sequence_number`, ended by `data: [DONE]`. A failure after the start is `response.failed`.";

const RUN_EVENTS =
  "Server-sent events, each with its `id`: data with `event`, `run_id`, `timestamp` (unix seconds) and `seq`. Ends with the run.";

const SESSION_EVENTS =
  "Server-sent events, each with its name and `session_id`, `run_id`, `seq` (from 1) and `ts` (unix seconds): what is said and done, what came of it, and `done`.";

/** Event streams have no schema that the generator could read. */
const STREAMS: Readonly<Record<string, string>> = {
  "post /v1/chat/completions":
    "With `stream: true`: chat.completion.chunk objects as server-sent events, ended by `data: [DONE]`. A failure after the start is an event with an `error` object.",
  "post /v1/responses": RESPONSE_STREAM,
  "get /v1/responses/{id}": RESPONSE_STREAM,
  "get /v1/runs/{id}/events": RUN_EVENTS,
  "post /api/sessions/{id}/chat/stream": SESSION_EVENTS,
};

/** Answers that are files: their types, and what they hold. */
const FILES: Readonly<Record<string, [type: string, description: string]>> = {
  "/v1/backup": [
    "application/vnd.sqlite3",
    "The database as an SQLite file, consistent as of the end of its copying, while the server goes on. One at a time: else 409 `backup_in_progress`.",
  ],
  "/v1/jobs/{id}/outputs/{name}": ["text/markdown", "The job's name as a heading, then what it answered."],
};

function describeStreams({ paths }: Document): void {
  for (const [operation, description] of Object.entries(STREAMS)) {
    const [method = "", path = ""] = operation.split(" ");
    const answer = paths[path]?.[method]?.responses["200"];
    if (answer?.content === undefined) throw new Error(`${operation} has no answer to describe.`);
    answer.content["text/event-stream"] = { schema: { type: "string", description } };
  }
  for (const [path, [type, description]] of Object.entries(FILES)) {
    const answer = paths[path]?.["get"]?.responses["200"];
    if (answer === undefined) throw new Error(`${path} has no answer to describe.`);
    answer.content = { [type]: { schema: { type: "string", description } } };
  }
}

/** A header that only some requests carry is not worth a check of all of them by a schema. */
const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", pattern: "^[!-~]{1,255}$" },
  description:
    "For 24 h, requests with the same key are one run: a repeated one is answered by that run, with the header `Idempotency-Replayed: true`. With another body or other headers: 409 `idempotency_key_conflict`. A run that failed or was cancelled before a tool began that may change something frees its key.",
};

const OPERATOR_KEY = {
  name: "X-Hermes-Operator-Key",
  in: "header",
  required: false,
  schema: { type: "string" },
  description:
    "The operator's key, as `hermes operator-key` made it: needed where `approvals.require_operator_key` is on, else 403 `operator_key_required` or `invalid_operator_key`.",
};

/** Which operations take which header. */
const HEADERS: readonly [operation: string, header: object][] = [
  ["post /v1/chat/completions", IDEMPOTENCY_KEY],
  ["post /v1/responses", IDEMPOTENCY_KEY],
  ["post /v1/runs/{id}/approval", OPERATOR_KEY],
  ["delete /v1/approvals/{id}", OPERATOR_KEY],
];

function describeKeys({ paths }: Document): void {
  for (const [name, header] of HEADERS) {
    const [method = "", path = ""] = name.split(" ");
    const operation = paths[path]?.[method];
    if (operation === undefined) throw new Error(`There is no ${name}.`);
    operation.parameters = [...(operation.parameters ?? []), header];
  }
}

const file = join(import.meta.dirname, "..", "openapi.yaml");
const text = `# Generated from the routes' schemas by "npm run openapi"; do not edit.\n${stringify(await generate(), { lineWidth: 120 })}`;
if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error('openapi.yaml is not what the routes say. Run "npm run openapi" and commit the result.');
  process.exitCode = 1;
}
