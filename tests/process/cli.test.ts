import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { PROGRAM } from "../helpers/process.ts";
import { textOf } from "../helpers/sources.ts";

interface Ended {
  code: unknown;
  stdout: string;
  stderr: string;
  home: string;
}

/** Runs the command to its end, with an empty home. */
async function hermes(
  args: readonly string[],
  env: Record<string, string> = {},
  yaml?: string,
): Promise<Ended> {
  const home = await temporaryDirectory();
  if (yaml !== undefined) await writeFile(join(home, "config.yaml"), yaml);
  const own = { HOME: home, HERMES_HOME: home, LLM_AUTODETECT: "0", API_SERVER_PORT: "0", ...env };
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: home,
    env: own,
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = { code: undefined as unknown, stdout: "", stderr: "", home };
  child.stdout.on("data", (text) => (ended.stdout += text));
  child.stderr.on("data", (text) => (ended.stderr += text));
  [ended.code] = await once(child, "close");
  return ended;
}

/** Each test starts a process or several. */
describe("hermes", { timeout: 30_000 }, () => {
  it.each([
    ["--help"],
    ["-h"],
    ["serve", "--help"],
  ])("%s %s tells what there is, and touches nothing", async (...args) => {
    const { code, stdout, stderr, home } = await hermes(args);
    expect([code, stderr, await readdir(home)]).toEqual([0, "", []]);
    for (const word of [
      "serve",
      "models",
      "jobs",
      "backup",
      "--profile",
      "--host",
      "--port",
      "--home",
      "--version",
      "64",
      "69",
      "78",
    ]) {
      expect(stdout).toContain(word);
    }
  });

  it.each([["--version"], ["-v"]])("%s tells the package's version", async (flag) => {
    const { version } = JSON.parse(textOf("package.json")) as { version: string };
    expect(await hermes([flag])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it.each([
    [["frobnicate"], "Unknown command: frobnicate."],
    [["serve", "models"], "Unknown command: serve models."],
    [["--nope"], "Unknown option '--nope'."],
    [["--port"], "Option '--port <value>' argument missing."],
    [["--help=x"], "Option '-h, --help' does not take an argument."],
  ])("%j is wrong usage: 64 and one line", async (args, expected) => {
    const { code, stdout, stderr, home } = await hermes(args);
    expect([code, stdout, stderr]).toEqual([64, "", `hermes: ${expected} Run hermes --help.\n`]);
    expect(await readdir(home)).toEqual([]);
  });

  it.each<[string, string[], Record<string, string>, string | undefined, RegExp]>([
    ["a port that is none", ["--port", "abc"], {}, undefined, /API_SERVER_PORT: must be a whole number/],
    ["a profile that is none", ["-p", "../x"], {}, undefined, /"..\/x" is no profile name/],
    ["an open address without a key", ["--host", "0.0.0.0"], {}, undefined, /needs a key of its own/],
    ["an unknown setting", [], {}, "llm: {modle: x}", /there is no setting llm\.modle/],
    ["an unknown provider", [], { LLM_PROVIDER: "nonsense" }, undefined, /"nonsense" is not known/],
    [
      "a route that leads nowhere",
      [],
      {},
      "platforms: {api_server: {model_routes: {a: {model: m, provider: x}}}}",
      /"x" is not known/,
    ],
    ["a workspace that is not there", [], {}, "workspace: nowhere", /is not a directory/],
    ["models under a wrong configuration", ["models"], {}, "llm: []", /llm must be a section/],
    [
      "models of an unknown provider",
      ["models"],
      { LLM_PROVIDER: "nonsense" },
      undefined,
      /"nonsense" is not known/,
    ],
  ])("%s is a wrong configuration: 78 and one line", async (_name, args, env, yaml, expected) => {
    const { code, stdout, stderr } = await hermes(args, env, yaml);
    expect([code, stdout]).toEqual([78, ""]);
    expect(stderr).toMatch(/^hermes: [^\n]*\n$/);
    expect(stderr).toMatch(expected);
  });

  it("a port that is taken is told in one line, with the cure: 69", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await hermes(["--port", String(port)]);
    expect(code).toBe(69);
    expect(stderr).toBe(
      `hermes: Port ${port} on 127.0.0.1 is taken. Stop the other program or set API_SERVER_PORT to another port.\n`,
    );
  });

  it("models lists what the upstream offers, and marks the one in use", async () => {
    const upstream = createServer((_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data: [{ id: "b" }, { id: "a" }] }));
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void upstream.close());
    await once(upstream, "listening");
    const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const { code, stdout } = await hermes(["models"], { LLM_BASE_URL: address, LLM_MODEL: "b" });
    expect([code, stdout]).toEqual([0, "a\nb   (in use)\n"]);
    expect((await hermes(["models"])).stdout).toBe("demo   (in use)\n");
  });
});
