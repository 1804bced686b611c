import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startLive } from "../helpers/live-app.ts";
import { TestProcess } from "../helpers/process.ts";
import { ROOT, textOf } from "../helpers/sources.ts";

const EXAMPLES = readdirSync(join(ROOT, "examples")).filter((name) => name !== "README.md");

/** Runs every example at once against a demo. */
async function runAll(
  key?: string,
): Promise<(readonly [name: string, example: TestProcess, code: number | null])[]> {
  const live = await startLive([], { protocol: "demo", files: { "notes.txt": "" } });
  const env = { HERMES_URL: live.origin, API_SERVER_KEY: key ?? live.apiKey };
  const runs = EXAMPLES.map(async (name) => {
    const command = name.endsWith(".sh") ? "sh" : process.execPath;
    const example = new TestProcess(command, [join(ROOT, "examples", name)], { cwd: live.workspace, env });
    const { code } = await example.ending(10_000);
    return [name, example, code] as const;
  });
  return Promise.all(runs);
}

test("every example works against the demo, and their page tells of it", async () => {
  for (const [name, { stdout, stderr }, code] of await runAll()) {
    expect([name, code, stderr]).toEqual([name, 0, ""]);
    expect([name, stdout]).toEqual([name, expect.stringContaining("notes.txt")]);
    expect(textOf("examples/README.md")).toContain(`examples/${name}`);
  }
});

test("every example ends with another code when the server refuses it", async () => {
  for (const [name, , code] of await runAll("a-wrong-key"))
    expect([name, code]).toEqual([name, expect.toSatisfy((c) => c > 0)]);
});
