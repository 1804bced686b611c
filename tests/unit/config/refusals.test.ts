import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { home, refusal } from "../../helpers/config.ts";

describe("a mistake in config.yaml stops the start and names the setting", () => {
  it.each([
    ["llm: {modle: x}", "there is no setting llm.modle."],
    ["gateway: {api_server: {prot: 5}}", "there is no setting gateway.api_server.prot."],
    ["platforms: {api_server: {prot: 5}}", "there is no setting platforms.api_server.prot."],
    ["gateway: {api_server: {extra: {prot: 5}}}", "there is no setting gateway.api_server.prot."],
    [
      "gateway: {api_server: {model_routes: {a: {model: m, modle: n}}}}",
      "there is no setting gateway.api_server.model_routes.a.modle.",
    ],
    ...["whsec_", "c2VjcmV0", "whsec_c2hvcnQ=", `whsec_${"A".repeat(88)}`, `whsec_${"A".repeat(31)}`].map(
      (secret) => [
        `jobs: {webhook_secret: "${secret}"}`,
        "jobs.webhook_secret: must be whsec_ and 24 to 64 bytes in base64.",
      ],
    ),
    ["network: {allow_privat: []}", "there is no setting network.allow_privat."],
    [
      "network: {allow_private: [http://n8n.lan]}",
      'network.allow_private.0: "http://n8n.lan" is no address, network or host name, for example "127.0.0.1:5678", "192.168.1.0/24" or "n8n.lan".',
    ],
    ["log: {level: info, colour: red}", "there is no setting log.colour."],
    ["gateway: 5", "gateway must be a section of settings."],
    ["gateway: {api_server: on}", "gateway.api_server must be a section of settings."],
    ["platforms: {api_server: [1]}", "platforms.api_server must be a section of settings."],
    ["gateway: {api_server: {extra: 5}}", "gateway.api_server.extra must be a section of settings."],
    ["llm: []", "llm must be a section of settings."],
    ["storage: full", "storage must be a section of settings."],
    ["- a\n- b", "must hold sections of settings."],
    ["hello", "must hold sections of settings."],
    ["gateway: {api_server: {port: eight}}", "gateway.api_server.port: must be a whole number."],
    ["gateway: {api_server: {port: 1.5}}", "gateway.api_server.port: must be a whole number."],
    ["gateway: {api_server: {port: -1}}", "gateway.api_server.port: must not be negative."],
    ["platforms: {api_server: {port: 65536}}", "platforms.api_server.port: must be at most 65535."],
    [
      "gateway: {api_server: {model_routes: {a: small}}}",
      "gateway.api_server.model_routes.a: expected object, received string.",
    ],
    [
      "gateway: {api_server: {model_routes: {a: {}}}}",
      "gateway.api_server.model_routes.a.model: expected string, received undefined.",
    ],
    [
      "gateway: {api_server: {tool_progress: loud}}",
      'gateway.api_server.tool_progress: expected one of "fields"|"events"|"openwebui"|"off".',
    ],
    [
      "gateway: {api_server: {keepalive_seconds: 60}}",
      "gateway.api_server.keepalive_seconds: must be at most 15.",
    ],
    [
      "gateway: {api_server: {cors_origins: 5}}",
      "gateway.api_server.cors_origins: must be a list, or a text with commas.",
    ],
    [
      "gateway: {api_server: {direct_model_requests: maybe}}",
      "gateway.api_server.direct_model_requests: must be true or false.",
    ],
    [
      "gateway: {api_server: {key: 1234567890123456}}",
      "gateway.api_server.key: expected string, received number.",
    ],
    ["llm: {timeout_seconds: soon}", "llm.timeout_seconds: must be a number."],
    ["llm: {timeout_seconds: 0}", "llm.timeout_seconds: must be more than 0."],
    ["llm: {idle_timeout_seconds: -5}", "llm.idle_timeout_seconds: must not be negative."],
    ["llm: {base_url: 'ftp://x'}", "llm.base_url: must be an http:// or https:// URL."],
    ["agent: {max_run_seconds: 3000000}", "agent.max_run_seconds: must be at most 2000000 (23 days)."],
    ["agent: {max_run_seconds: .inf}", "agent.max_run_seconds: must be a number."],
    ["agent: {max_steps: 0}", "agent.max_steps: must be at least 1."],
    ["approvals: {mode: always}", 'approvals.mode: expected one of "manual"|"off".'],
    ["workspace: 5", "workspace: expected string, received number."],
    ["workspace: nowhere", "workspace: ~/nowhere is not a directory."],
    ["workspace: config.yaml", "workspace: ~/config.yaml is not a directory."],
  ])("%s", async (yaml, expected) => {
    const message = await refusal({ yaml });
    expect(message).toContain(expected);
    expect(message).toMatch(/^~\/config\.yaml/);
  });

  it("several mistakes are told together", async () => {
    const message = await refusal({ yaml: "llm: {modle: x}\nlog: {level: loud}" });
    expect(message.split("\n").length).toBe(2);
  });

  it.each([
    ["llm: [\n a: b", /not valid YAML: .* at line 2, column \d+\.$/],
    ["log:\n\tlevel: info", /not valid YAML: Tabs .* at line 2, column 1\.$/],
    ["log: {level: info}\nlog: {level: warn}", /not valid YAML: Map keys must be unique at line 2/],
    ["a: &a [*a, *b]", /not valid YAML: /],
    ["a: 1\n---\nb: 2", /not valid YAML: .*multiple documents/],
  ])("%j is no YAML, and the line says where", async (yaml, expected) => {
    const message = await refusal({ yaml });
    expect(message).toMatch(expected);
    expect(message).not.toContain("\n");
  });

  it("what stands beside a fault of YAML is not repeated: it may be a key", async () => {
    expect(await refusal({ yaml: "llm:\n  api_key: sk-secret-1234\n\tmodel: x" })).not.toContain("sk-secret");
    expect(await refusal({ yaml: "llm: {api_key: [sk-secret-1234]}" })).not.toContain("sk-secret");
  });
});

describe("a mistake in a variable names the variable", () => {
  it.each([
    ["API_SERVER_PORT", "abc", "must be a whole number."],
    ["API_SERVER_PORT", "99999", "must be at most 65535."],
    ["API_SERVER_PORT", "-1", "must be a whole number."],
    ["API_SERVER_MAX_CONCURRENT_RUNS", "many", "must be a whole number."],
    [
      "API_SERVER_CORS_ORIGINS",
      "http://localhost:3000/",
      '"http://localhost:3000/" is not an origin as browsers send it',
    ],
    ["API_SERVER_CORS_ORIGINS", "http://a.example,localhost:3000", '"localhost:3000" is not an origin'],
    ["API_SERVER_CORS_ORIGINS", "https://A.example", '"https://A.example" is not an origin'],
    ["API_SERVER_CORS_ORIGINS", "https://*.example.org/x", "is not an origin"],
    ["API_SERVER_ALLOWED_HOSTS", "https://a.example", '"https://a.example" is not a host name'],
    ["API_SERVER_ALLOWED_HOSTS", "a.example/path", "is not a host name"],
    ["LLM_AUTODETECT", "maybe", "must be true or false."],
    ["LLM_BASE_URL", "localhost:8000", "must be an http:// or https:// URL."],
    ["HERMES_MAX_ITERATIONS", "0", "must be at least 1."],
    ["LOG_LEVEL", "loud", 'expected one of "silent"'],
  ])("%s=%s", async (name, value, expected) => {
    const message = await refusal({ variables: { [name]: value } });
    expect(message).toContain(expected);
    expect(message.startsWith(`${name}: `)).toBe(true);
  });

  it("a well-known address that is none is refused with its key", async () => {
    const variables = { OPENAI_API_KEY: "sk-1", OPENAI_BASE_URL: "localhost" };
    expect(await refusal({ variables })).toBe("OPENAI_BASE_URL: must be an http:// or https:// URL.");
  });
});

describe("a home that cannot be read says which file, and never how we failed", () => {
  it.each([
    ["config.yaml", "~/config.yaml cannot be read (it is a directory)."],
    [".env", "~/.env cannot be read (it is a directory)."],
    ["state.db", "~/state.db cannot be read (it is a directory)."],
  ])("%s is a directory", async (name, expected) => {
    const directory = await home();
    await mkdir(join(directory, name));
    expect(await refusal({}, directory)).toBe(expected);
  });

  it.each(["config.yaml", ".env"])("%s is a link to itself", async (name) => {
    const directory = await home();
    await symlink(name, join(directory, name));
    expect(await refusal({}, directory)).toBe(`~/${name} cannot be read (ELOOP).`);
  });

  it("the home is a file", async () => {
    const file = join(await home(), "file");
    await writeFile(file, "");
    expect(await refusal({}, file)).toBe("~/.env cannot be read (ENOTDIR).");
  });
});
