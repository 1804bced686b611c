import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { bestIssue, type Issue, sayIssue } from "../lib/issue.ts";
import { ConfigError } from "./error.ts";
import { readHomeFile } from "./home-file.ts";
import { findHome, type Home } from "./profile.ts";
import { Settings } from "./schema.ts";
import { type RawSettings, readYaml, type Section } from "./yaml.ts";

/** What the server runs on; frozen. */
export interface Config {
  home: Home;
  settings: Settings;
  /** Absolute path of the only directory that file tools may touch. */
  workspace: string;
  /** Where the server's own key was found; undefined when there is none yet. */
  keyFrom: "environment" | "env-file" | "config-file" | undefined;
  /** Keys of well-known upstreams, by preset name. */
  upstreams: Readonly<Record<string, UpstreamKey>>;
  /** The process's environment; commands of the agent get only what the sandbox lets through. */
  environment: Readonly<NodeJS.ProcessEnv>;
  /** Things worth telling the operator; none of them stops the server. */
  warnings: readonly string[];
}

/** A key for a well-known upstream, and where to use it when not at its usual place. */
interface UpstreamKey {
  apiKey: string;
  baseUrl: string | undefined;
}

/** Every secret of a configuration: what must never be logged. */
export function listSecrets({ settings, upstreams }: Config): string[] {
  const keys = Object.values(upstreams).map(({ apiKey }) => apiKey);
  const routes = Object.values(settings.server.model_routes).map((route) => route.api_key);
  const own = [settings.server.key, settings.llm.api_key, settings.jobs.webhook_secret];
  const all = [...own, ...keys, ...routes];
  return all.filter((secret) => secret !== undefined && secret.length >= 8) as string[];
}

/** What `loadConfig` reads besides the home's files. */
export interface LoadOptions {
  profile?: string;
  env?: NodeJS.ProcessEnv;
  /** Variables from the command line; they win over the environment. */
  flags?: Readonly<Record<string, string>>;
  /** The directory of start. */
  cwd?: string;
}

/** Which environment variable sets which setting; the environment wins over config.yaml. */
const ENVIRONMENT: readonly [name: string, section: Section, key: string][] = [
  ["API_SERVER_HOST", "server", "host"],
  ["API_SERVER_PORT", "server", "port"],
  ["API_SERVER_KEY", "server", "key"],
  ["API_SERVER_CORS_ORIGINS", "server", "cors_origins"],
  ["API_SERVER_ALLOWED_HOSTS", "server", "allowed_hosts"],
  ["API_SERVER_MODEL_NAME", "server", "model_name"],
  ["API_SERVER_MAX_CONCURRENT_RUNS", "server", "max_concurrent_runs"],
  ["LLM_PROVIDER", "llm", "provider"],
  ["LLM_BASE_URL", "llm", "base_url"],
  ["LLM_API_KEY", "llm", "api_key"],
  ["LLM_MODEL", "llm", "model"],
  ["LLM_AUTODETECT", "llm", "autodetect"],
  ["HERMES_MAX_ITERATIONS", "agent", "max_steps"],
  ["HERMES_MAX_TOKENS", "agent", "max_output_tokens"],
  ["HERMES_EPHEMERAL_SYSTEM_PROMPT", "agent", "ephemeral_system_prompt"],
  ["JOBS_WEBHOOK_SECRET", "jobs", "webhook_secret"],
  ["LOG_LEVEL", "log", "level"],
];

/** Upstreams whose usual environment variables are enough to use them. */
const UPSTREAMS: readonly [preset: string, prefix: string][] = [
  ["openai", "OPENAI"],
  ["anthropic", "ANTHROPIC"],
  ["openrouter", "OPENROUTER"],
];

/**
 * Reads defaults, then config.yaml, then the environment and the home's `.env` (the environment wins).
 * @throws ConfigError naming the file or variable, the setting and the cure.
 */
export function loadConfig(options: LoadOptions = {}): Config {
  const processEnv = { ...(options.env ?? process.env), ...options.flags };
  const cwd = options.cwd ?? process.cwd();
  const home = findHome(processEnv, options.profile);
  const kept = readEnvFile(home.envFile);
  const given = withoutEmpty(processEnv);
  const env = { ...kept, ...given };
  const warnings: string[] = [];
  const { raw, serverPath, foreign } = readYaml(home.configFile);
  if (foreign.length > 0)
    warnings.push(`${home.configFile}: sections not used by this server: ${foreign.join(", ")}.`);
  const origins = applyEnvironment(raw, env);
  const settings = parseSettings(raw, { home, serverPath, origins, warnings });
  return freeze({
    home,
    settings,
    workspace: findWorkspace(home, settings.workspace, cwd),
    keyFrom: keySource([given, kept], settings),
    upstreams: upstreamKeys(env),
    environment: processEnv,
    warnings,
  });
}

function keySource([given, kept]: Record<string, string>[], { server }: Settings): Config["keyFrom"] {
  if (given?.["API_SERVER_KEY"] !== undefined) return "environment";
  if (kept?.["API_SERVER_KEY"] !== undefined) return "env-file";
  return server.key === undefined ? undefined : "config-file";
}

function freeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

/** The configured directory, relative ones from the directory of start. */
function findWorkspace(home: Home, configured: string | undefined, cwd: string): string {
  if (configured === undefined) return cwd;
  const workspace = resolve(cwd, configured);
  if (!existsSync(workspace) || !statSync(workspace).isDirectory()) {
    throw new ConfigError(`${home.configFile}: workspace: ${workspace} is not a directory.`);
  }
  return workspace;
}

function readEnvFile(file: string): Record<string, string> {
  return withoutEmpty(parseEnv(readHomeFile(file) ?? ""));
}

/** An empty variable is an unset one. */
function withoutEmpty(env: NodeJS.Dict<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

/** Puts variables over the file's settings and remembers, for error messages, which setting came from where. */
function applyEnvironment(raw: RawSettings, env: Record<string, string>): Map<string, string> {
  const origins = new Map<string, string>();
  for (const [name, section, key] of ENVIRONMENT) {
    const value = env[name];
    if (value === undefined) continue;
    raw[section][key] = value;
    origins.set(`${section}.${key}`, name);
  }
  if (/^(1|true|yes|on)$/i.test(env["HERMES_YOLO_MODE"] ?? "")) raw.approvals["mode"] = "off";
  return origins;
}

interface ParseContext {
  home: Home;
  /** Where config.yaml has the section of the HTTP server. */
  serverPath: string;
  origins: Map<string, string>;
  warnings: string[];
}

/** Sections that the reference has too: in a home that it shares, keys of its own in them are no mistakes. */
const SHARED_SECTIONS: ReadonlySet<PropertyKey> = new Set(["agent", "approvals", "network"]);

function parseSettings(raw: RawSettings, context: ParseContext): Settings {
  const result = Settings.safeParse(raw);
  if (result.success) return result.data;
  const { issues } = result.error;
  const foreign = issues.filter((issue) => isForeignKey(issue, context.home));
  if (foreign.length === 0 || foreign.length < issues.length) {
    throw new ConfigError(issues.map((issue) => describe(issue, context)).join("\n"));
  }
  for (const issue of foreign) dropForeignKeys(raw, issue, context.warnings);
  return parseSettings(raw, context);
}

function isForeignKey(issue: Issue, home: Home): boolean {
  return home.shared && issue.code === "unrecognized_keys" && SHARED_SECTIONS.has(issue.path[0] ?? "");
}

function dropForeignKeys(raw: RawSettings, issue: Issue, warnings: string[]): void {
  const section = String(issue.path[0]) as Section;
  const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
  for (const key of keys) delete raw[section][key];
  warnings.push(
    `config.yaml: not used by this server: ${keys.map((key) => `${section}.${key}`).join(", ")}.`,
  );
}

function describe(first: Issue, { home, serverPath, origins }: ParseContext): string {
  const issue = bestIssue(first);
  const [section = "", key = "", ...rest] = issue.path.map(String);
  const variable = origins.get(`${section}.${key}`);
  const path = [section === "server" ? serverPath : section, key, ...rest].filter((name) => name !== "");
  if (issue.code !== "unrecognized_keys")
    return `${variable ?? `${home.configFile}: ${path.join(".")}`}: ${sayIssue(issue)}.`;
  const keys = issue.keys.map((name) => [...path, name].join(".")).join(", ");
  return `${home.configFile}: there is no setting ${keys}. docs/guides/configuration.md lists them all.`;
}

function upstreamKeys(env: Record<string, string>): Record<string, UpstreamKey> {
  const keys: Record<string, UpstreamKey> = {};
  for (const [preset, prefix] of UPSTREAMS) {
    const apiKey = env[`${prefix}_API_KEY`];
    const baseUrl = env[`${prefix}_BASE_URL`];
    if (apiKey === undefined) continue;
    if (baseUrl !== undefined && !/^https?:$/.test(URL.parse(baseUrl)?.protocol ?? ""))
      throw new ConfigError(`${prefix}_BASE_URL: must be an http:// or https:// URL.`);
    keys[preset] = { apiKey, baseUrl };
  }
  return keys;
}
