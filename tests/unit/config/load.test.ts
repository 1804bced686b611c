import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listSecrets } from "../../../src/config/load.ts";
import { type ConfigSources, configOf, home, load, refusal } from "../../helpers/config.ts";
import { FOREIGN_DATABASE } from "../../helpers/stored.ts";

const server = async (sources: ConfigSources) => (await configOf(sources)).settings.server;

it("every section of ours is read from config.yaml", async () => {
  const yaml =
    "responses: { retention_days: 7 }\nruns: { retention_days: 8 }\njobs: { max_concurrent: 9 }\ntimezone: Europe/Berlin\napprovals: { timeout_seconds: 10 }";
  const { settings, warnings } = await configOf({ yaml });
  expect(warnings).toEqual([]);
  expect(settings).toMatchObject({
    responses: { retention_days: 7 },
    runs: { retention_days: 8 },
    jobs: { max_concurrent: 9 },
    timezone: "Europe/Berlin",
    approvals: { timeout_seconds: 10 },
  });
});

describe("defaults", () => {
  it("serve on loopback, with a model that is looked for", async () => {
    const { settings, workspace, upstreams, warnings, keyFrom, home: place } = await configOf({});
    expect(settings.server).toMatchObject({
      host: "127.0.0.1",
      port: 8642,
      cors_origins: [],
      allowed_hosts: [],
      max_concurrent_runs: 64,
      model_routes: {},
      direct_model_requests: false,
      tool_progress: "fields",
      tool_progress_events: true,
      history_tool_output_max_chars: 0,
      client_tools: "allow",
      on_disconnect: "cancel",
      disconnect_grace_ms: 0,
      small_requests_are_background: false,
      keepalive_seconds: 10,
    });
    expect(settings.agent).toMatchObject({ max_steps: 90, max_output_tokens: 0 });
    expect(settings.llm).toMatchObject({ autodetect: true, upstream_stream: "auto" });
    expect(settings).toMatchObject({
      approvals: { mode: "manual" },
      storage: { sync: "normal" },
      log: { level: "info" },
    });
    expect([workspace, upstreams, warnings, keyFrom]).toEqual([place.path, {}, [], undefined]);
  });

  it("defaults cannot be changed by anybody, at any depth", async () => {
    const config = await configOf({ yaml: "gateway: {api_server: {cors_origins: [http://a.example]}}" });
    expect(() => Object.assign(config, { workspace: "/" })).toThrow(TypeError);
    expect(() => Object.assign(config.settings.server, { host: "0.0.0.0" })).toThrow(TypeError);
    expect(() => config.settings.server.cors_origins.push("*")).toThrow(TypeError);
    expect(() => Object.assign(config.environment, { PATH: "" })).toThrow(TypeError);
  });
});

describe("config.yaml", () => {
  const settings = "host: 127.0.0.2\nport: 1234\nmodel_name: agent\nmax_concurrent_runs: 3".split("\n");
  const below = (...path: string[]) =>
    [
      ...path.map((name, depth) => `${"  ".repeat(depth)}${name}:`),
      ...settings.map((line) => `${"  ".repeat(path.length)}${line}`),
    ].join("\n");

  it.each([
    [["gateway", "api_server"]],
    [["gateway", "platforms", "api_server"]],
    [["platforms", "api_server"]],
    [["gateway", "api_server", "extra"]],
    [["platforms", "api_server", "extra"]],
  ])("config.yaml has the server's section under %j", async (path) => {
    expect(await server({ yaml: below(...path) })).toMatchObject({
      host: "127.0.0.2",
      port: 1234,
      model_name: "agent",
      max_concurrent_runs: 3,
    });
  });

  it("a setting beside extra wins over the one in it, unless it is empty", async () => {
    const yaml = "gateway: {api_server: {extra: {port: 1, host: 127.0.0.9}, port: 2, host: }}";
    expect(await server({ yaml })).toMatchObject({ port: 2, host: "127.0.0.9" });
  });

  it("config.yaml takes the reference's keys, its name for steps and its negative cap", async () => {
    const yaml = `
gateway:
  api_server:
    enabled: true
    key: 0123456789abcdef
    cors_origins: "http://a.example, tauri://localhost"
    max_concurrent_runs: -1
    model_routes:
      fast: { model: small }
      far: { model: big, provider: openai, api_key: sk-route-key, base_url: "https://far.example/v1" }
    direct_model_requests: yes
    tool_progress_events: "off"
    history_tool_output_max_chars: 500
agent: { max_turns: 12 }
`;
    const { settings: read } = await configOf({ yaml });
    expect(read.server).toMatchObject({
      key: "0123456789abcdef",
      cors_origins: ["http://a.example", "tauri://localhost"],
      max_concurrent_runs: 0,
      direct_model_requests: true,
      tool_progress_events: false,
      history_tool_output_max_chars: 500,
    });
    expect(read.server.model_routes["far"]).toMatchObject({ model: "big", provider: "openai" });
    expect(read.agent.max_steps).toBe(12);
    expect((await configOf({ yaml: "agent: {max_turns: 12, max_steps: 5}" })).settings.agent.max_steps).toBe(
      5,
    );
  });

  it.each([
    "",
    "# nothing\n",
    "---\n",
    "gateway:\n",
    "llm:\nlog:\n",
    "gateway: {api_server: {port: }}",
    "\ufefflog: {level: info}",
  ])("%j says nothing", async (yaml) => {
    expect((await configOf({ yaml })).settings).toEqual((await configOf({})).settings);
  });

  it("sections of other programs are left alone, with one warning that names them", async () => {
    const { warnings } = await configOf({
      yaml: "memory: {x: 1}\nterminal: hello\nlog: {level: warn}\nplatforms: 5",
    });
    expect(warnings).toEqual([expect.stringMatching(/config\.yaml: .*: memory, terminal\.$/)]);
  });

  it("a relative workspace is relative to the directory of start", async () => {
    const directory = await home({ yaml: "workspace: ." });
    expect(load(directory).workspace).toBe(directory);
  });
});

describe("who wins", () => {
  const yaml = "gateway: {api_server: {port: 1}}\nllm: {model: of-yaml}\nlog: {level: error}";

  it("who wins flags over the environment over .env over config.yaml", async () => {
    const port = async (sources: ConfigSources) => (await server({ yaml, ...sources })).port;
    const env = "API_SERVER_PORT=2\n";
    const variables = { API_SERVER_PORT: "3" };
    expect(await port({})).toBe(1);
    expect(await port({ env })).toBe(2);
    expect(await port({ env, variables })).toBe(3);
    expect(await port({ env, variables, flags: { API_SERVER_PORT: "4" } })).toBe(4);
  });

  it("an empty variable is an unset one", async () => {
    expect((await server({ yaml, env: "API_SERVER_PORT=2", variables: { API_SERVER_PORT: "" } })).port).toBe(
      2,
    );
    expect((await server({ yaml, env: "API_SERVER_PORT=" })).port).toBe(1);
  });

  it("every variable sets its setting", async () => {
    const { settings, upstreams } = await configOf({
      yaml,
      variables: {
        API_SERVER_HOST: "127.0.0.3",
        API_SERVER_PORT: "0",
        API_SERVER_KEY: "a-key-of-the-environment",
        API_SERVER_CORS_ORIGINS: "http://localhost:3000, https://a.example,",
        API_SERVER_ALLOWED_HOSTS: "a.example,b.example:443",
        API_SERVER_MODEL_NAME: "agent",
        API_SERVER_MAX_CONCURRENT_RUNS: "0",
        LLM_PROVIDER: "anthropic",
        LLM_BASE_URL: "https://llm.example",
        LLM_API_KEY: "sk-llm",
        LLM_MODEL: "of-env",
        LLM_AUTODETECT: "0",
        HERMES_MAX_ITERATIONS: "7",
        HERMES_MAX_TOKENS: "1000",
        HERMES_EPHEMERAL_SYSTEM_PROMPT: "Be brief.",
        HERMES_YOLO_MODE: "1",
        LOG_LEVEL: "debug",
        OPENAI_API_KEY: "sk-openai",
        ANTHROPIC_API_KEY: "sk-ant",
        ANTHROPIC_BASE_URL: "https://claude.example",
        OPENROUTER_BASE_URL: "not used without a key",
      },
    });
    expect(settings.server).toMatchObject({
      host: "127.0.0.3",
      port: 0,
      key: "a-key-of-the-environment",
      cors_origins: ["http://localhost:3000", "https://a.example"],
      allowed_hosts: ["a.example", "b.example:443"],
      model_name: "agent",
      max_concurrent_runs: 0,
    });
    expect(settings.llm).toMatchObject({
      provider: "anthropic",
      base_url: "https://llm.example",
      api_key: "sk-llm",
      model: "of-env",
      autodetect: false,
    });
    expect(settings.agent).toMatchObject({
      max_steps: 7,
      max_output_tokens: 1000,
      ephemeral_system_prompt: "Be brief.",
    });
    expect([settings.approvals.mode, settings.log.level]).toEqual(["off", "debug"]);
    expect(upstreams).toEqual({
      openai: { apiKey: "sk-openai", baseUrl: undefined },
      anthropic: { apiKey: "sk-ant", baseUrl: "https://claude.example" },
    });
  });

  it("HERMES_YOLO_MODE that is off changes nothing", async () => {
    for (const mode of ["0", "false", "no", ""]) {
      const { settings } = await configOf({ variables: { HERMES_YOLO_MODE: mode } });
      expect(settings.approvals.mode).toBe("manual");
    }
  });

  it(".env is read as people write it", async () => {
    const env = [
      "\ufeff# comment",
      "export API_SERVER_KEY='quoted # no comment'",
      'LLM_MODEL="a model"   # comment',
      "LLM_API_KEY=sk-1=2==",
      "",
      "not a setting",
      "API_SERVER_PORT = 9",
    ].join("\r\n");
    const { settings } = await configOf({ env });
    expect(settings.server).toMatchObject({ key: "quoted # no comment", port: 9 });
    expect(settings.llm).toMatchObject({ model: "a model", api_key: "sk-1=2==" });
    expect((await configOf({ env: "\ufeffLLM_MODEL=first" })).settings.llm.model).toBe("first");
  });

  it("who wins says where the key was found", async () => {
    const key = "0123456789abcdef";
    const inYaml = `gateway: {api_server: {key: ${key}}}`;
    const from = async (sources: ConfigSources) => (await configOf(sources)).keyFrom;
    expect(await from({ yaml: inYaml })).toBe("config-file");
    expect(await from({ yaml: inYaml, env: `API_SERVER_KEY=${key}` })).toBe("env-file");
    expect(
      await from({ yaml: inYaml, env: `API_SERVER_KEY=${key}`, variables: { API_SERVER_KEY: key } }),
    ).toBe("environment");
  });
});

describe("secrets", () => {
  it("secrets are all keys of a configuration, except those too short to be looked for in a line", async () => {
    const config = await configOf({
      yaml: "gateway: {api_server: {key: the-servers-own-key, model_routes: {a: {model: m, api_key: the-routes-key}, b: {model: m}}}}\nllm: {api_key: short}",
      variables: { OPENAI_API_KEY: "the-openai-key", OPENROUTER_API_KEY: "x" },
    });
    expect(listSecrets(config)).toEqual(["the-servers-own-key", "the-openai-key", "the-routes-key"]);
  });
});

describe("in a home that hermes-agent uses, too", () => {
  it("in a home that hermes-agent uses, too its own settings in sections that both have are no mistakes, but in ours alone they are", async () => {
    const yaml = "agent: {max_turns: 5, personalities: {a: b}}\napprovals: {mode: manual, timeout: 60}";
    const directory = await home({ yaml });
    expect(await refusal({}, directory)).toContain("there is no setting agent.personalities");
    await writeFile(join(directory, "state.db"), FOREIGN_DATABASE);
    const { settings, warnings } = load(directory);
    expect(settings.agent.max_steps).toBe(5);
    expect(warnings.join(" ")).toMatch(/agent\.personalities.*approvals\.timeout/);
    await writeFile(join(directory, "config.yaml"), `${yaml}\nllm: {modle: x}`);
    expect(await refusal({}, directory)).toContain("there is no setting llm.modle");
  });
});
