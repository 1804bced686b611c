import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { send } from "../helpers/live-app.ts";
import { PROGRAM, serve, TestProcess } from "../helpers/process.ts";

const HELLO = { messages: [{ role: "user", content: "list the files here" }] };

/** Starts the server on a terminal and waits until it is ready for the line that it prints. */
async function onTerminal(
  cwd: string,
  env: Record<string, string> = {},
  args = "",
): Promise<{ line: string; screen: string }> {
  const command = `'${process.execPath}' '${PROGRAM}' serve ${args}`;
  const server = new TestProcess("script", ["-qec", command, "/dev/null"], { cwd, env });
  await server.says(/Ctrl-C stops the server/);
  const screen = server.stdout.replaceAll("\r", "");
  const line = /Try it:\s+([\s\S]*?)\n\n/.exec(screen)?.[1] ?? "";
  return { line, screen };
}

async function shell(line: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const sh = new TestProcess("sh", ["-c", line], { cwd, env });
  await sh.ending();
  return sh.stdout;
}

async function keyIn(home: string): Promise<string> {
  const text = await readFile(join(home, ".env"), "utf8");
  return /^API_SERVER_KEY=(.+)$/m.exec(text)?.[1] ?? "";
}

describe("the first start", () => {
  test("the first start makes a key that only this user can read, says where it lies, and answers with it", async () => {
    const cwd = await temporaryDirectory();
    const home = join(cwd, ".hermes");
    const server = await serve({ cwd });
    await server.says(/a new API key was made; it lies in/);
    const key = await keyIn(home);
    expect(key).toMatch(/^hermes-[\w-]{32}$/);
    expect((await stat(join(home, ".env"))).mode & 0o777).toBe(0o600);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect(server.stdout).toContain(join(home, ".env"));
    // A log is kept; the key must not be.
    expect(server.stdout + server.stderr).not.toContain(key);
    const answer = await send({ origin: server.origin, apiKey: key }, "/v1/chat/completions", HELLO);
    expect(answer.status).toBe(200);
    expect((await fetch(`${server.origin}/v1/models`)).status).toBe(401);
  });

  test("the first start in a home directory warns that the file tools reach all of it, and says the cure", async () => {
    const cwd = await temporaryDirectory();
    const server = await serve({ cwd });
    await server.says(/The workspace, .*, is a home directory.*Set workspace in .*config\.yaml/);
  });

  test("the first start keeps what else the home's .env says", async () => {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    await writeFile(join(cwd, ".hermes", ".env"), "API_SERVER_MODEL_NAME=ada\nAPI_SERVER_KEY=\n", {
      mode: 0o644,
    });
    const server = await serve({ cwd });
    const apiKey = await keyIn(join(cwd, ".hermes"));
    const models = await send({ origin: server.origin, apiKey }, "/v1/models");
    expect(await models.json()).toMatchObject({ data: [{ id: "ada" }, { id: "ada-lite" }] });
    expect((await stat(join(cwd, ".hermes", ".env"))).mode & 0o777).toBe(0o600);
  });
});

test("the second start keeps the key and makes no more of it", async () => {
  const cwd = await temporaryDirectory();
  const first = await serve({ cwd });
  const key = await keyIn(join(cwd, ".hermes"));
  expect(await first.stop()).toEqual({ code: 0, signal: null });
  const second = await serve({ cwd });
  expect(await keyIn(join(cwd, ".hermes"))).toBe(key);
  expect((await send({ origin: second.origin, apiKey: key }, "/v1/models")).status).toBe(200);
  expect(await second.stop()).toEqual({ code: 0, signal: null });
  expect(second.stdout).not.toContain("new API key");
});

// BSD's script has other options.
describe.runIf(process.platform === "linux")("the line that a terminal shows", () => {
  test("works when it is pasted, at the first start and at every later one", async () => {
    const directory = await temporaryDirectory();
    const cwd = join(directory, "It's a folder");
    await mkdir(cwd);
    await writeFile(join(cwd, "seen.txt"), "");
    const first = await onTerminal(cwd);
    const key = await keyIn(join(cwd, ".hermes"));
    expect(first.screen).toContain(key);
    expect(await shell(first.line, cwd)).toContain("seen.txt");

    const second = await onTerminal(cwd, {
      HERMES_HOME: join(directory, "other"),
      API_SERVER_KEY: "from-the-environment",
    });
    expect(second.screen).not.toContain("from-the-environment");
    expect(await shell(second.line, cwd, { API_SERVER_KEY: "from-the-environment" })).toContain("seen.txt");
  });

  test("works with a key that lies in .env since an earlier start", async () => {
    const directory = await temporaryDirectory();
    const cwd = join(directory, "It's a folder");
    await mkdir(join(cwd, ".hermes"), { recursive: true });
    await writeFile(
      join(cwd, ".hermes", ".env"),
      `LLM_PROVIDER=demo\nAPI_SERVER_KEY="kept-since-long-ago"\n`,
    );
    await writeFile(join(cwd, "seen.txt"), "");
    const { line, screen } = await onTerminal(cwd);
    expect(screen).not.toContain("kept-since-long-ago");
    expect(await shell(line, cwd)).toContain("seen.txt");
  });

  test("works with a key in config.yaml once the shell knows it", async () => {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    await writeFile(
      join(cwd, ".hermes", "config.yaml"),
      "gateway:\n  api_server: { key: 'in the yaml file' }\n",
    );
    await writeFile(join(cwd, "seen.txt"), "");
    const { line, screen } = await onTerminal(cwd);
    expect(screen).toContain(join(cwd, ".hermes", "config.yaml"));
    expect(await shell(line, cwd, { API_SERVER_KEY: "in the yaml file" })).toContain("seen.txt");
  });
});

test("two profiles run side by side, each with its own key, name and sessions", async () => {
  const cwd = await temporaryDirectory();
  const [one, two] = await Promise.all([serve({ cwd }, ["-p", "one"]), serve({ cwd }, ["-p", "two"])]);
  const keys = await Promise.all(["one", "two"].map((name) => keyIn(join(cwd, ".hermes", "profiles", name))));
  const [ofOne = "", ofTwo = ""] = keys;
  expect(ofOne).not.toBe(ofTwo);
  const models = await send({ origin: one.origin, apiKey: ofOne }, "/v1/models");
  expect(await models.json()).toMatchObject({ data: [{ id: "one" }, { id: "one-lite" }] });
  expect((await send({ origin: two.origin, apiKey: ofOne }, "/v1/models")).status).toBe(401);
  expect((await send({ origin: two.origin, apiKey: ofTwo }, "/v1/models")).status).toBe(200);
});
