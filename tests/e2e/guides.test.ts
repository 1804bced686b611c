import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { startLive } from "../helpers/live-app.ts";
import { TestProcess } from "../helpers/process.ts";
import { ROOT, textOf } from "../helpers/sources.ts";

/** All code of a language in a page, in order, as its reader would type it, for a server at `origin`. */
function codeOf(page: string, language: string, origin: string): string {
  const blocks = [...textOf(page).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return (
    blocks
      .filter(([, name]) => name === language)
      .map(([, , code = ""]) => code)
      // The README also says how to install and start the server.
      .filter((code) => page !== "README.md" || code.includes("curl"))
      .join("\n")
      .replaceAll("http://127.0.0.1:8642", origin)
  );
}

const GUIDE_MS = 14_000;

/** Runs the code of a guide against a demo, at home where a first start has left its key. */
async function follow(guide: string, language: "sh" | "ts") {
  const live = await startLive([], { protocol: "demo", files: { "notes.txt": "" } });
  const home = await temporaryDirectory();
  await symlink(live.home, join(home, ".hermes"));
  await writeFile(join(home, ".hermes", ".env"), `API_SERVER_KEY=${live.apiKey}\n`);
  // A refusal ends the script, and shows.
  await writeFile(join(home, ".curlrc"), "fail-with-body\nno-progress-meter\n");
  const code = codeOf(guide === "README.md" ? guide : `docs/guides/${guide}`, language, live.origin);
  expect(code).not.toBe("");
  const env = { HOME: home, API_SERVER_KEY: language === "ts" ? live.apiKey : "" };
  const [command, args] =
    language === "sh"
      ? ["sh", ["-e", "-c", code]]
      : [
          process.execPath,
          [
            "--input-type=module-typescript",
            "--disable-warning=ExperimentalWarning",
            "--disable-warning=UNDICI-ES",
            // What a page has.
            "--experimental-eventsource",
            "-e",
            code,
          ],
        ];
  const reader = new TestProcess(command as string, args as string[], { cwd: ROOT, env });
  // A guide has several turns, which the demo takes its time for.
  const { code: exit } = await reader.ending(GUIDE_MS);
  return { exit, stdout: reader.stdout, stderr: reader.stderr };
}

describe("what a guide says to type", () => {
  test.each([
    ["README.md", "sh"],
    ["responses.md", "sh"],
    ["responses.md", "ts"],
    ["runs.md", "sh"],
    ["runs.md", "ts"],
    ["jobs.md", "sh"],
    ["sessions.md", "sh"],
  ] as const)("what a guide says to type in %s (%s) works as it stands", async (guide, language) => {
    const { exit, stdout, stderr } = await follow(guide, language);
    expect([exit, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("notes.txt");
    expect(stdout).not.toContain('"error":{');
  });
});
