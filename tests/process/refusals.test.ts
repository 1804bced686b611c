import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { runToEnd, serve } from "../helpers/process.ts";

/** What a program that will not start says: one line for people, with no stack. */
function oneLine(text: string): string {
  expect(text).toMatch(/^hermes: .*\n$/);
  return text;
}

describe("the built program does not start", () => {
  test("the built program does not start with a configuration that cannot work, and says so in one line with code 78", async () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{ API_SERVER_PORT: "eighty" }, /API_SERVER_PORT: must be a whole number/],
      [{ LLM_PROVIDER: "telepathy" }, /telepathy/],
      [{ API_SERVER_HOST: "0.0.0.0" }, /needs a key of its own/],
    ];
    await Promise.all(
      cases.map(async ([env, words]) => {
        const cwd = await temporaryDirectory();
        const { code, stderr, stdout } = await runToEnd(["serve"], { cwd, env });
        expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
        expect(oneLine(stderr)).toMatch(words);
      }),
    );
  });

  test.each([
    "config.yaml",
    ".env",
    "state.db",
  ])("the built program does not start with a FIFO in the place of %s, and does not wait for it", async (name) => {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    execFileSync("mkfifo", [join(cwd, ".hermes", name)]);
    const { code, stderr, stdout } = await runToEnd(["serve"], { cwd });
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(oneLine(stderr)).toContain(`${name} cannot be read (it is a device, socket or FIFO)`);
  });

  test("where approvals need an operator key that nobody has made; then it does", async () => {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    await writeFile(join(cwd, ".hermes", "config.yaml"), "approvals: {require_operator_key: true}\n");
    const refused = await runToEnd(["serve"], { cwd });
    expect([refused.code, oneLine(refused.stderr)]).toEqual([
      78,
      expect.stringContaining("hermes operator-key"),
    ]);
    const made = await runToEnd(["operator-key"], { cwd });
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^hermes-operator-[\w-]{43}\n$/)]);
    await serve({ cwd });
  });

  test("the built program does not start on an address that this machine does not have", async () => {
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

  test("the built program does not start in a home whose database is damaged", async () => {
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
