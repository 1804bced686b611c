import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { temporaryDirectory } from "../helpers/directory.ts";
import { ROOT, textOf } from "../helpers/sources.ts";

const run = promisify(execFile);

it("openapi.yaml is what the routes say, on any machine, in any place and time zone", {
  timeout: 60_000,
}, async () => {
  const cwd = await temporaryDirectory();
  const env = {
    PATH: process.env["PATH"],
    TZ: "Pacific/Kiritimati",
    LANG: "tr_TR.UTF-8",
    HOME: cwd,
    OPENAI_API_KEY: "sk-x",
  };
  const script = join(ROOT, "scripts", "openapi.ts");
  await run(process.execPath, [script, "--check"], { cwd, env });
});

it("documents each operation once, with an id, a summary and answers", () => {
  const { paths } = parse(textOf("openapi.yaml")) as {
    paths: Record<string, Record<string, { operationId: string; summary: string; responses: object }>>;
  };
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toContain("createChatCompletion");
  for (const { summary, responses } of operations) {
    expect(summary).toMatch(/\S/);
    expect(Object.keys(responses).some((status) => /^20[012]$/.test(status))).toBe(true);
  }
  const unprefixed = Object.keys(paths).filter((path) => !/^\/(v1|api\/(sessions|jobs))(\/|$)/.test(path));
  expect(unprefixed.sort()).toEqual(["/health/detailed", "/ready"]);
});
