import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { parseEnv } from "node:util";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { isJsonObject, type JsonObject } from "../lib/json.ts";
import { findHome, type Home } from "./profile.ts";
import { Settings } from "./schema.ts";

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
export interface UpstreamKey {
  apiKey: string;
  baseUrl: string | undefined;
}

/** A configuration that the server must not start with; the message says what to do. */
export class ConfigError extends Error {}

/** Every secret of a configuration: what must never be logged. */
export function secretsOf({ settings, upstreams }: Config): string[] {
  const keys = Object.values(upstreams).map(({ apiKey }) => apiKey);
  const routes = Object.values(settings.server.model_routes).map((route) => route.api_key);
  const all = [settings.server.key, settings.llm.api_key, ...keys, ...routes];
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

type Section = keyof Settings;

/** Which environment variable sets which setting; the environment wins over config.yaml. */
const ENVIRONMENT: readonly [name: string, section: Exclude<Section, "workspace">, key: string][] = [
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
  const home = homeOf(processEnv, options.profile);
  const kept = readEnvFile(home.envFile);
  const given = withoutEmpty(processEnv);
  const env = { ...kept, ...given };
  const warnings: string[] = [];
  const raw = readYaml(home, warnings);
  const origins = applyEnvironment(raw, env);
  const settings = parseSettings(raw, { home, origins, warnings });
  const workspace = settings.workspace ?? cwd;
  return Object.freeze({
    home,
    settings: Object.freeze(settings),
    workspace: isAbsolute(workspace) ? workspace : resolve(cwd, workspace),
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

function homeOf(env: NodeJS.ProcessEnv, profile: string | undefined): Home {
  try {
    return findHome(env, profile);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

function readEnvFile(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  return withoutEmpty(parseEnv(readFileSync(file, "utf8")));
}

/** An empty variable is an unset one. */
function withoutEmpty(env: NodeJS.Dict<string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

type RawSettings = Record<Exclude<Section, "workspace">, JsonObject> & { workspace?: unknown };

const OUR_SECTIONS = ["llm", "agent", "approvals", "storage", "log"] as const;

function readYaml(home: Home, warnings: string[]): RawSettings {
  const raw: RawSettings = { server: {}, llm: {}, agent: {}, approvals: {}, storage: {}, log: {} };
  if (!existsSync(home.configFile)) return raw;
  const file = parseYamlFile(home.configFile);
  const { gateway, platforms, workspace, ...rest } = file;
  raw.server = serverSection(gateway, platforms);
  if (workspace !== undefined && workspace !== null) raw.workspace = workspace;
  for (const section of OUR_SECTIONS) {
    const value = rest[section] ?? {};
    if (!isJsonObject(value))
      throw new ConfigError(`${home.configFile}: ${section} must be a section of settings.`);
    raw[section] = withoutNull(value);
  }
  renameSetting(raw.agent, "max_turns", "max_steps");
  const foreign = Object.keys(rest).filter((name) => !OUR_SECTIONS.some((section) => section === name));
  if (foreign.length > 0)
    warnings.push(`${home.configFile}: sections not used by this server: ${foreign.join(", ")}.`);
  return raw;
}

/** The reference's name for a setting, where ours is not given too. */
function renameSetting(section: JsonObject, theirs: string, ours: string): void {
  if (!(theirs in section)) return;
  section[ours] ??= section[theirs];
  delete section[theirs];
}

function parseYamlFile(file: string): JsonObject {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(file, "utf8")) ?? {};
  } catch (error) {
    throw new ConfigError(`${file} is not valid YAML: ${(error as Error).message}`);
  }
  if (!isJsonObject(value)) throw new ConfigError(`${file} must hold sections of settings.`);
  return value;
}

/** The reference's three places for the section, with or without `extra`; the first that exists is taken. */
function serverSection(gateway: unknown, platforms: unknown): JsonObject {
  const within = (value: unknown, key: string) => (isJsonObject(value) ? value[key] : undefined);
  const section =
    within(gateway, "api_server") ??
    within(within(gateway, "platforms"), "api_server") ??
    within(platforms, "api_server");
  if (!isJsonObject(section)) return {};
  const { extra, ...plain } = section;
  return withoutNull(isJsonObject(extra) ? { ...extra, ...plain } : plain);
}

/** `key:` with nothing after it is an unset setting. */
function withoutNull(section: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== null));
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
  origins: Map<string, string>;
  warnings: string[];
}

/** Sections that the reference has too: in a home that it shares, keys of its own in them are no mistakes. */
const SHARED_SECTIONS: ReadonlySet<PropertyKey> = new Set(["agent", "approvals"]);

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

type Issue = z.core.$ZodIssue;

function isForeignKey(issue: Issue, home: Home): boolean {
  return home.shared && issue.code === "unrecognized_keys" && SHARED_SECTIONS.has(issue.path[0] ?? "");
}

function dropForeignKeys(raw: RawSettings, issue: Issue, warnings: string[]): void {
  const section = String(issue.path[0]) as "agent" | "approvals";
  const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
  for (const key of keys) delete raw[section][key];
  warnings.push(
    `config.yaml: not used by this server: ${keys.map((key) => `${section}.${key}`).join(", ")}.`,
  );
}

function describe(issue: Issue, { home, origins }: ParseContext): string {
  const path = issue.path.map(String);
  const origin = origins.get(path.join("."));
  if (path[0] === "server") path.splice(0, 1, "gateway", "api_server");
  const where = origin ?? `${home.configFile}: ${path.join(".")}`;
  if (issue.code !== "unrecognized_keys") return `${where}: ${issue.message}.`;
  const keys = issue.keys.map((key) => [...path, key].join(".")).join(", ");
  return `${home.configFile}: there is no setting ${keys}. docs/guides/configuration.md lists them all.`;
}

function upstreamKeys(env: Record<string, string>): Record<string, UpstreamKey> {
  const keys: Record<string, UpstreamKey> = {};
  for (const [preset, prefix] of UPSTREAMS) {
    const apiKey = env[`${prefix}_API_KEY`];
    if (apiKey !== undefined) keys[preset] = { apiKey, baseUrl: env[`${prefix}_BASE_URL`] };
  }
  return keys;
}
