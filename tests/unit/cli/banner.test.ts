import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { banner } from "../../../src/cli/banner.ts";
import { ensureServerKey, type ServerKey } from "../../../src/config/key.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";

const KEY = "hermes-0123456789abcdef";

interface Start {
  env?: Record<string, string>;
  url?: string;
  /** What the home is called. */
  name?: string;
  files?: Record<string, string>;
}

/** What a start prints, given the home's files and the environment. */
async function start({ env = {}, url = "http://127.0.0.1:8642", name = "home", files = {} }: Start) {
  const cwd = await temporaryDirectory();
  const home = join(cwd, name);
  await mkdir(home);
  for (const [file, text] of Object.entries(files)) await writeFile(join(home, file), text);
  const config = loadConfig({ env: { HERMES_HOME: home, ...env }, cwd });
  const key: ServerKey = ensureServerKey(config);
  return {
    key,
    home,
    text: banner({ config, key, url, model: "demo/demo", reason: "no model is configured" }),
  };
}

/** What the line to try would send, when a shell runs it with a curl that only tells its arguments. */
async function tried(text: string, env: Record<string, string> = {}): Promise<string[]> {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, "curl"), `#!/bin/sh\nprintf '%s\\n' "$@"\n`, { mode: 0o755 });
  const line = /^ {2}curl [\s\S]*?\n\n/m.exec(text)?.[0] ?? "";
  const path = `${directory}:${process.env["PATH"]}`;
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", line], { env: { PATH: path, ...env } });
  return stdout.trimEnd().split("\n");
}

const request = (url: string, key: string) => [
  `${url}/v1/chat/completions`,
  "-H",
  `Authorization: Bearer ${key}`,
  "-H",
  "Content-Type: application/json",
  "-d",
  '{"messages":[{"role":"user","content":"List the files here"}]}',
];

describe("the line to try works", () => {
  it("the line to try works on the first start, with the new key, which is shown this once", async () => {
    const { key, text } = await start({});
    expect(key.created).toBe(true);
    expect(text).toContain(`${key.value}   (new, shown only now`);
    expect(await tried(text)).toEqual(request("http://127.0.0.1:8642", key.value));
  });

  it("the line to try works on later starts, with the key of the home's .env, which is not shown", async () => {
    const { home, text } = await start({ files: { ".env": `LLM_MODEL=x\nAPI_SERVER_KEY=${KEY}\n` } });
    expect(text).not.toContain(KEY);
    expect(text).toContain(`as in ${join(home, ".env")}`);
    expect(await tried(text)).toEqual(request("http://127.0.0.1:8642", KEY));
  });

  it("the line to try works with a key of the environment, in a shell that has it", async () => {
    const { text } = await start({
      env: { API_SERVER_KEY: KEY },
      files: { ".env": "API_SERVER_KEY=another-key\n" },
    });
    expect(text).not.toContain(KEY);
    expect(await tried(text, { API_SERVER_KEY: KEY })).toEqual(request("http://127.0.0.1:8642", KEY));
  });

  it("however the home's .env writes it", async () => {
    const { text } = await start({ files: { ".env": `# mine\nexport API_SERVER_KEY="${KEY}"\n` } });
    expect(text).not.toContain(KEY);
    expect((await tried(text))[2]).toBe(`Authorization: Bearer ${KEY}`);
  });

  it("the line to try works with a key of config.yaml, once it is exported", async () => {
    const { home, text } = await start({
      files: { "config.yaml": `gateway:\n  api_server:\n    key: ${KEY}\n` },
    });
    expect(text).not.toContain(KEY);
    expect(text).toContain(`as in ${join(home, "config.yaml")}; export it as API_SERVER_KEY first`);
    expect(await tried(text, { API_SERVER_KEY: KEY })).toEqual(request("http://127.0.0.1:8642", KEY));
  });

  it("when the home's name needs quoting", async () => {
    const { text } = await start({
      name: "it's $HOME & `mine`",
      files: { ".env": `API_SERVER_KEY=${KEY}\n` },
    });
    expect((await tried(text))[2]).toBe(`Authorization: Bearer ${KEY}`);
  });

  it.each([
    ["http://0.0.0.0:8642", "http://127.0.0.1:8642"],
    ["http://[::]:8642", "http://[::1]:8642"],
    ["http://[::1]:8642", "http://[::1]:8642"],
    ["http://192.168.1.20:8642", "http://192.168.1.20:8642"],
  ])("when the server listens on %s", async (url, reachable) => {
    const { key, text } = await start({ url });
    expect(await tried(text)).toEqual(request(reachable, key.value));
    expect(text).toContain(`base URL    ${reachable}/v1`);
    expect(text.includes("every other address")).toBe(url !== reachable);
  });
});

it("tells what answers and where things lie", async () => {
  const { home, text } = await start({});
  expect(text).toContain("demo/demo   (no model is configured)");
  expect(text).toContain(`home        ${home}`);
});

it("marks a workspace that is warned about, here because the home lies in it", async () => {
  const { home, text } = await start({});
  expect(text).toContain(`workspace   ${dirname(home)}   (too wide: see the warning below)`);
});
