import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { FakeUpstream } from "../../helpers/fake-upstream/fake-upstream.ts";
import { runToEnd, serve } from "../../helpers/process.ts";

/** What a program that will not start says: one line for people, with no stack. */
function oneLine(text: string): string {
  expect(text).toMatch(/^hermes: .*\n$/);
  return text;
}

async function refuse(env: Record<string, string>, yaml?: string) {
  const cwd = await temporaryDirectory();
  await mkdir(join(cwd, ".hermes"));
  if (yaml !== undefined) await writeFile(join(cwd, ".hermes", "config.yaml"), yaml);
  const { code, stderr, stdout } = await runToEnd(["serve"], { cwd, env });
  expect(stdout).toBe("");
  return { code, said: oneLine(stderr) };
}

describe("it does not start", () => {
  test.each<[string, Record<string, string>, string | undefined, RegExp]>([
    [
      "a variable of the wrong kind",
      { API_SERVER_PORT: "eighty" },
      undefined,
      /API_SERVER_PORT: must be a whole number/,
    ],
    ["a port that cannot be", { API_SERVER_PORT: "70000" }, undefined, /API_SERVER_PORT: .*65535/],
    ["a setting that does not exist", {}, "llm: { modell: x }", /there is no setting llm\.modell/],
    ["text that is no YAML", {}, "llm: {", /config\.yaml is not valid YAML/],
    ["an unknown protocol", { LLM_PROVIDER: "telepathy" }, undefined, /telepathy/],
    ["no key on an open address", { API_SERVER_HOST: "0.0.0.0" }, undefined, /needs a key of its own/],
    [
      "a short key on an open address",
      { API_SERVER_HOST: "::", API_SERVER_KEY: "short" },
      undefined,
      /shorter than 16/,
    ],
    [
      "a sample key on an open address",
      { API_SERVER_HOST: "0.0.0.0", API_SERVER_KEY: "your_api_key_here" },
      undefined,
      /a placeholder/,
    ],
  ])("with %s, and says so in one line with code 78", async (_, env, yaml, words) => {
    const { code, said } = await refuse(env, yaml);
    expect(said).toMatch(words);
    expect(code).toBe(78);
  });

  test("with a profile name that is a path", async () => {
    const cwd = await temporaryDirectory();
    const { code, stderr } = await runToEnd(["-p", "../other"], { cwd });
    expect([code, oneLine(stderr)]).toEqual([78, expect.stringContaining("no profile name")]);
  });

  test("when the port is taken, and names the cure", async () => {
    const cwd = await temporaryDirectory();
    await using other = await FakeUpstream.start();
    const { port } = new URL(other.origin);
    const { code, stderr } = await runToEnd(["--port", port], { cwd });
    expect(oneLine(stderr)).toContain(`Port ${port} on 127.0.0.1 is taken.`);
    expect(stderr).toContain("API_SERVER_PORT");
    expect(code).toBe(69);
  });

  test("on an address that this machine does not have", async () => {
    const cwd = await temporaryDirectory();
    const env = { API_SERVER_KEY: "a-key-that-is-long-enough" };
    const { code, stderr } = await runToEnd(["--host", "192.0.2.1"], { cwd, env });
    expect([code, oneLine(stderr)]).toEqual([69, expect.stringContaining("192.0.2.1")]);
  });

  test("beside another server of the same home, whose answers go on", async () => {
    const cwd = await temporaryDirectory();
    const first = await serve({ cwd });
    const { code, stderr } = await runToEnd(["serve"], { cwd });
    expect(oneLine(stderr)).toContain("Only one server may run per profile.");
    expect(code).toBe(69);
    expect((await fetch(`${first.origin}/ready`)).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
  });

  test("in a home whose database is damaged", async () => {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    const header = Buffer.alloc(8192, "x");
    header.writeUInt32BE(0x48524d53, 68);
    await writeFile(join(cwd, ".hermes", "state.db"), header);
    const { code, stderr } = await runToEnd(["serve"], { cwd });
    expect(oneLine(stderr)).toContain("is damaged");
    expect(code).toBe(69);
  });
});

describe("hermes models", () => {
  test("lists what the upstream offers, one a line, and marks the one in use", async () => {
    const cwd = await temporaryDirectory();
    await using upstream = await FakeUpstream.start([], { models: ["small", "large"] });
    const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "large" };
    const { code, stdout } = await runToEnd(["models"], { cwd, env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "large   (in use)\nsmall\n" });
  });

  test("says in one line that nobody answers, with code 1", async () => {
    const cwd = await temporaryDirectory();
    const upstream = await FakeUpstream.start();
    await upstream.close();
    const { code, stderr } = await runToEnd(["models"], { cwd, env: { LLM_BASE_URL: upstream.origin } });
    expect(code).toBe(1);
    expect(stderr.trim().split("\n").at(-1)).toMatch(/^hermes: /);
    expect(stderr).not.toContain("    at ");
  });

  test("refuses a bad configuration with code 78, as the server does", async () => {
    const cwd = await temporaryDirectory();
    const { code, stderr } = await runToEnd(["models"], { cwd, env: { LLM_BASE_URL: "not a url" } });
    expect([code, oneLine(stderr)]).toEqual([78, expect.stringContaining("LLM_BASE_URL")]);
  });
});
