import { z } from "zod";
import { parsePlace } from "../lib/place.ts";
import { isTimeZone } from "../lib/time-zone.ts";

const Url = z.url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" });

/** One alias of `model_routes`. */
const ModelRoute = z.strictObject({
  model: z.string().min(1),
  provider: z.string().min(1).exactOptional(),
  api_key: z.string().min(1).exactOptional(),
  base_url: Url.exactOptional(),
});

/** A list, or a comma-separated text as environment variables have it. */
const List = z.union(
  [
    z.array(z.string()),
    z.string().transform((text) =>
      text
        .split(",")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== ""),
    ),
  ],
  "must be a list, or a text with commas",
);

/** A list whose entries all have one form; one that has another could never match anything. */
const listOf = (form: RegExp, what: string) =>
  List.pipe(
    z.array(z.string().regex(form, { error: ({ input }) => `${JSON.stringify(input)} is not ${what}` })),
  );
const Origins = listOf(
  /^(\*|null|[a-z][a-z0-9+.-]*:\/\/[^\sA-Z/?#@]+)$/,
  'an origin as browsers send it, for example "http://localhost:3000" (no path, no "/" at the end, lower case)',
);
const Hosts = listOf(
  /^[\w.-]+(:\d{1,5})?$/,
  'a host name, for example "agent.example.org" (no "https://", no path)',
);

/** A whole number, also as environment variables have it. */
const Whole = z
  .union(
    [z.int(), z.string().regex(/^\d+$/, "must be a whole number").transform(Number)],
    "must be a whole number",
  )
  .pipe(z.int("must be a whole number").min(0, "must not be negative"));
const Positive = Whole.pipe(z.int().min(1, "must be at least 1"));
/** A cap; the reference takes a negative one for none as well. */
const Cap = z.union([
  z
    .int()
    .max(0)
    .transform(() => 0),
  Whole,
]);
/** Longer than a timer can wait; a longer one would end at once. */
const MAX_SECONDS = 2_000_000;
const Seconds = z
  .union(
    [
      z.number(),
      z
        .string()
        .regex(/^\d+(\.\d+)?$/, "must be a number")
        .transform(Number),
    ],
    "must be a number",
  )
  .pipe(
    z.number().min(0, "must not be negative").max(MAX_SECONDS, `must be at most ${MAX_SECONDS} (23 days)`),
  );
const Timeout = Seconds.pipe(z.number().positive("must be more than 0"));
const Flag = z.union(
  [
    z.boolean(),
    z
      .string()
      .regex(/^(1|0|true|false|yes|no|on|off)$/i, "must be true or false")
      .transform((text) => /^(1|true|yes|on)$/i.test(text)),
  ],
  "must be true or false",
);
const Port = Whole.pipe(z.int().max(65_535, "must be at most 65535"));

/** `gateway.api_server`: the HTTP server. */
const ServerSection = z.strictObject({
  /** The reference's switch; this process is the API server, so it changes nothing. */
  enabled: Flag.default(true),
  host: z.string().min(1).default("127.0.0.1"),
  port: Port.default(8642),
  key: z.string().exactOptional(),
  cors_origins: Origins.default([]),
  allowed_hosts: Hosts.default([]),
  model_name: z.string().min(1).max(128).exactOptional(),
  max_concurrent_runs: Cap.default(64),
  /** Background runs that may wait for others to end. */
  max_queued_runs: Whole.default(1_000),
  model_routes: z.record(z.string().min(1), ModelRoute).default({}),
  direct_model_requests: Flag.default(false),
  tool_progress_events: Flag.default(true),
  history_tool_output_max_chars: Whole.default(0),
  /** How server-run tools show in a chat stream of a client that is not recognised. */
  tool_progress: z.enum(["fields", "events", "openwebui", "off"]).default("fields"),
  /** How server-run tools stand in the output of a response for a client that is not recognised. */
  tool_items: z.enum(["mcp_call", "function_call", "none"]).default("mcp_call"),
  /** Whether a response that goes on from another one keeps its instructions, as the reference does. */
  inherit_instructions: Flag.default(false),
  /** The reference answers 404, OpenAI 400. */
  previous_response_not_found_status: z.union([z.literal(400), z.literal(404)]).default(400),
  client_tools: z.enum(["allow", "ignore"]).default("allow"),
  /** What a client's disconnect before the end does. */
  on_disconnect: z.enum(["cancel", "continue"]).default("cancel"),
  disconnect_grace_ms: Whole.default(0),
  /** Whether `POST /v1/responses/{id}/cancel` stops a response that a request waits for, too. */
  cancel_foreground_responses: Flag.default(false),
  /** Answer every request of at most 8 output tokens as a background call, without tools. */
  small_requests_are_background: Flag.default(false),
  drain_timeout_seconds: Seconds.default(20),
  keepalive_seconds: Seconds.pipe(
    z.number().min(0.01, "must be at least 0.01").max(15, "must be at most 15"),
  ).default(10),
  write_timeout_seconds: Timeout.default(60),
});

/** `llm`: the model behind the agent. */
const LlmSection = z.strictObject({
  /** A preset (`openai`, `anthropic`, `openrouter`, `demo` …) or a protocol; `protocol` is another name for it. */
  provider: z.string().min(1).exactOptional(),
  protocol: z.string().min(1).exactOptional(),
  base_url: Url.exactOptional(),
  api_key: z.string().min(1).exactOptional(),
  model: z.string().min(1).exactOptional(),
  context_length: Positive.default(128_000),
  timeout_seconds: Timeout.default(600),
  idle_timeout_seconds: Timeout.default(120),
  max_retries: Whole.default(2),
  upstream_stream: z.enum(["auto", "always", "never"]).default("auto"),
  autodetect: Flag.default(true),
});

/** `agent`: the limits of one run. */
const AgentSection = z.strictObject({
  /** Model calls of one run; the reference calls it `max_turns`. */
  max_steps: Positive.default(90),
  max_run_seconds: Timeout.default(3600),
  /** Output tokens of one run in all; 0 for no limit. */
  max_output_tokens: Whole.default(0),
  /** Text that is added to every request's own system prompt. */
  ephemeral_system_prompt: z.string().exactOptional(),
});

const Unattended = z.enum(["deny", "approve"]);

const ApprovalsSection = z.strictObject({
  /** `off` runs what would ask; the hardline list stays denied. */
  mode: z.enum(["manual", "off"]).default("manual"),
  /** What becomes of calls that would ask where nobody can be asked; the hardline list stays denied. */
  unattended: Unattended.default("deny"),
  /** The same for jobs alone; default: `unattended`. */
  cron_mode: Unattended.exactOptional(),
  /** Answers to approvals need a key of their own, which lies on no disk that tools can read. */
  require_operator_key: Flag.default(false),
  /** How long a question waits for a person; then the call is denied. */
  timeout_seconds: Timeout.default(300),
});

const StorageSection = z.strictObject({
  /** `normal` survives a killed process; `full` also a power cut, at the price of one disk sync per commit. */
  sync: z.enum(["normal", "full"]).default("normal"),
});

const Days = Whole.pipe(z.int().max(36_500, "must be at most 36500 (100 years)"));

const ResponsesSection = z.strictObject({
  /** Days that stored responses are kept where they are not deleted before; 0 for ever. */
  retention_days: Days.default(0),
});

const RunsSection = z.strictObject({
  /** Days that runs of no session are kept; 0 for ever. */
  retention_days: Days.default(30),
});

/** `jobs`: scheduled work. */
const JobsSection = z.strictObject({
  /** Jobs that may go on at once. */
  max_concurrent: Positive.default(10),
  /** How long a job's script may take. */
  script_timeout_seconds: Timeout.default(120),
  /** Days that a job's history is kept. */
  retention_days: Days.default(30),
  /** What webhooks are signed with; default: one that the first start has made. */
  webhook_secret: z
    .string()
    .refine(isWebhookSecret, "must be whsec_ and 24 to 64 bytes in base64")
    .exactOptional(),
});

/** The form that Standard Webhooks gives its secrets. */
function isWebhookSecret(text: string): boolean {
  const [, base64 = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, "base64").length;
  return base64.length % 4 === 0 && bytes >= 24 && bytes <= 64;
}

/** `network`: where requests of jobs and clients may go. */
const NetworkSection = z.strictObject({
  /** Places that are not public, and allowed all the same; see `parsePlace`. */
  allow_private: List.pipe(
    z.array(
      z.string().refine((place) => parsePlace(place) !== undefined, {
        error: ({ input }) =>
          `${JSON.stringify(input)} is no address, network or host name, for example "127.0.0.1:5678", "192.168.1.0/24" or "n8n.lan"`,
      }),
    ),
  ).default([]),
});

const LogSection = z.strictObject({
  level: z.enum(["silent", "error", "warn", "info", "debug", "trace"]).default("info"),
});

/** The sections of config.yaml that are ours. Sections of other names get one warning and are left alone. */
export const Settings = z.object({
  server: ServerSection,
  llm: LlmSection,
  agent: AgentSection,
  approvals: ApprovalsSection,
  storage: StorageSection,
  responses: ResponsesSection,
  runs: RunsSection,
  jobs: JobsSection,
  network: NetworkSection,
  log: LogSection,
  /** The zone of jobs that name none: an IANA name; default: the system's. */
  timezone: z
    .string()
    .min(1)
    .refine(isTimeZone, "is no IANA time zone, such as Europe/Berlin")
    .exactOptional(),
  /** The only directory that file tools may touch; default: where the server was started. */
  workspace: z.string().min(1).exactOptional(),
});
export type Settings = z.infer<typeof Settings>;
