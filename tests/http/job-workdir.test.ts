import { readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { writeFiles } from "../helpers/home-files.ts";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const FILES = { "site/index.html": "Hello.", "secret.txt": "Not yours." };

describe("a job's working directory", () => {
  test("a job's working directory is where its tools work, and they do not get out of it", async () => {
    const { create, fires, provider, workspace } = await openJobsApp(
      [
        [
          ...call("write_file", { path: "new.txt", content: "Made." }),
          ...call("read_file", { path: "../secret.txt" }),
          ...call("terminal", { command: "pwd" }),
        ],
        say("Done."),
      ],
      { files: FILES },
    );
    const job = await create({ prompt: "Build.", schedule: "in 1s", workdir: "site" });
    expect(job["workdir"]).toBe("site");
    await fires(job.id);
    expect(await readFile(join(workspace, "site/new.txt"), "utf8")).toBe("Made.");
    const results = provider.requests[1]?.items.flatMap((item) =>
      item.type === "function_call_output" ? [item.output] : [],
    );
    expect(results?.[1]).toContain("leads out of the workspace");
    expect(results?.[2]).toContain(join(workspace, "site"));
    expect(provider.requests[0]?.instructions).toContain('"site"');
  });

  test("a job's working directory has instructions of its own, which come before the prompt", async () => {
    const { create, runNow, provider, home, workspace } = await openJobsApp(() => say("Done."), {
      files: { "site/AGENTS.md": "Write plain HTML.", "bare/x": "", "AGENTS.md": "Of the workspace." },
    });
    await writeFiles(home, { "secret.md": "Not yours." });
    await symlink(join(home, "secret.md"), join(workspace, "bare/AGENTS.md"));
    for (const workdir of ["site", "bare"]) {
      const { id } = await create({ prompt: "Build.", schedule: "@yearly", workdir });
      await runNow(id);
    }
    const [first, second] = provider.requests.map(({ items }) => JSON.stringify(items));
    expect(first).toMatch(/Instructions of the directory.*Write plain HTML\..*Build\./);
    expect(second).not.toMatch(/Instructions|Not yours/);
    expect(second).toContain("Build.");
  });

  test("a job's working directory is changed, and cleared by null or nothing", async () => {
    const { create, change } = await openJobsApp([], { files: FILES });
    const { id } = await create({ prompt: "x", schedule: "@yearly" });
    expect(await change(id, { workdir: "site" })).toMatchObject({ workdir: "site" });
    expect(await change(id, { workdir: "" })).toMatchObject({ workdir: null });
    await change(id, { workdir: "./site" });
    expect(await change(id, { workdir: null })).toMatchObject({ workdir: null });
  });

  test.each([
    "..",
    "/",
    "/etc",
    "missing",
    "site/index.html",
    "~",
    "out",
    "a\0b",
  ])("a job's working directory cannot be %j", async (workdir) => {
    const { ask, workspace } = await openJobsApp([], { files: FILES });
    await symlink(await temporaryDirectory(), join(workspace, "out"));
    const refused = await ask("/v1/jobs", { body: { prompt: "x", schedule: "@daily", workdir } });
    expect([refused.status, refused.json<AnyBody>().error.param]).toEqual([400, "workdir"]);
  });

  test("a job's working directory that leads elsewhere by the time of a run fails it, and no model is asked", async () => {
    const { create, fires, provider, ask, workspace } = await openJobsApp([], { files: FILES });
    const { id } = await create({
      prompt: "x",
      schedule: "@yearly",
      workdir: "site",
      retry: { attempts: 0 },
    });
    await rm(join(workspace, "site"), { recursive: true });
    await symlink(await temporaryDirectory(), join(workspace, "site"));
    await ask(`/v1/jobs/${id}/run`, { method: "POST" });
    expect(await fires(id, "failed")).toMatchObject({
      reason: expect.stringContaining("leads out of the workspace"),
    });
    expect(provider.requests).toEqual([]);
  });
});
