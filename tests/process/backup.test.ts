import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { runToEnd, serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const HEADERS = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
const ENV = { API_SERVER_KEY: TEST_KEY, LLM_PROVIDER: "demo" };

/** A directory with a running server's home in it. */
async function setUp() {
  const cwd = await temporaryDirectory();
  await mkdir(join(cwd, ".hermes"));
  await writeFile(join(cwd, ".hermes", "state.db-backup"), "left by a killed process");
  const server = await serve({ cwd, env: ENV });
  const port = new URL(server.origin).port;
  const backup = (...args: string[]) => runToEnd(["backup", ...args, "--port", port], { cwd, env: ENV });
  return { cwd, server, backup };
}

test("a backup of a running server, put into a new home, is all that there was", async () => {
  const { cwd, server, backup } = await setUp();
  expect(await readdir(join(cwd, ".hermes"))).not.toContain("state.db-backup");
  const asked = { method: "POST", headers: HEADERS, body: JSON.stringify({ input: "List the files here" }) };
  const made = (await (await fetch(`${server.origin}/v1/responses`, asked)).json()) as { id: string };
  const file = join(cwd, "kept.db");
  const { code, stdout, stderr } = await backup("kept.db");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(`${file}: ${(await stat(file)).size} bytes\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(cwd, ".hermes"))).not.toContain("state.db-backup");

  const other = await temporaryDirectory();
  await mkdir(join(other, ".hermes"));
  await writeFile(join(other, ".hermes", "state.db"), await readFile(file));
  const restored = await serve({ cwd: other, env: ENV });
  const answer = await fetch(`${restored.origin}/v1/responses/${made.id}`, { headers: HEADERS });
  expect([answer.status, await answer.json()]).toEqual([200, made]);
});

test("a backup takes no file's place unasked, and leaves none that is not whole", async () => {
  const { cwd, server, backup } = await setUp();
  const file = join(cwd, "kept.db");
  await writeFile(file, "older");
  expect(await backup("kept.db")).toEqual({
    code: 1,
    stdout: "",
    stderr: `hermes: ${file} exists; --force replaces it.\n`,
  });
  expect(await readFile(file, "utf8")).toBe("older");
  expect((await backup("kept.db", "--force")).code).toBe(0);
  expect((await readFile(file)).subarray(0, 15).toString()).toBe("SQLite format 3");
  const nowhere = await backup("nowhere/kept.db");
  expect([nowhere.code, nowhere.stderr]).toEqual([
    1,
    expect.stringMatching(/^hermes: [^\n]*ENOENT[^\n]*\n$/),
  ]);

  const wrongKey = await runToEnd(["backup", "x.db", "--port", new URL(server.origin).port], {
    cwd,
    env: { API_SERVER_KEY: "another-key-0123456789" },
  });
  expect([wrongKey.code, wrongKey.stderr]).toEqual([
    1,
    expect.stringMatching(/^hermes: [^\n]*API key[^\n]*\n$/),
  ]);
  await server.stop();
  const alone = await backup("y.db");
  expect([alone.code, alone.stderr]).toEqual([
    69,
    expect.stringMatching(/^hermes: No server answers at [^\n]*\n$/),
  ]);
  const unnamed = await runToEnd(["backup"], { cwd });
  expect([unnamed.code, unnamed.stderr]).toEqual([64, "hermes: Usage: hermes backup <file>\n"]);
  expect((await readdir(cwd)).sort()).toEqual([".hermes", "kept.db"]);
});
