import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const FILES = { "keep/a.txt": "a" };

/** Runs the command first, then answers. */
const runs =
  (command: string): Play =>
  ({ items }) =>
    items.some(({ type }) => type === "function_call_output") ? say("Done.") : call("terminal", { command });

async function open(approvals: object, command = "rm -r keep") {
  const app = await openJobsApp(runs(command), { files: FILES, config: { approvals } });
  const isKept = () =>
    access(join(app.workspace, "keep")).then(
      () => true,
      () => false,
    );
  const asJob = async () => {
    const { id } = await app.create({ prompt: "Clean.", schedule: "@yearly" });
    await app.runNow(id);
    return isKept();
  };
  const asChat = async () => {
    const body = { model: "hermes-agent", messages: [{ role: "user", content: "Clean." }] };
    expect((await app.ask("/v1/chat/completions", { body })).status).toBe(200);
    return isKept();
  };
  return { ...app, asJob, asChat };
}

describe("a call that would ask where nobody can be asked", () => {
  test.each([
    [{}, [true, true]],
    [{ unattended: "deny" }, [true, true]],
    [{ unattended: "approve" }, [false, false]],
    [{ unattended_mode: "approve" }, [false, false]],
    [{ cron_mode: "approve" }, [false, true]],
    [{ unattended: "approve", cron_mode: "deny" }, [true, false]],
  ])("a call that would ask where nobody can be asked with %j is done or not: files kept by a job, by a chat %j", async (approvals, kept) => {
    const [first, second] = [await open(approvals), await open(approvals)];
    expect([await first.asJob(), await second.asChat()]).toEqual(kept);
  });

  test("a call that would ask where nobody can be asked is denied for ever where it destroys, whatever is set", async () => {
    const { asJob, provider } = await open({ unattended: "approve" }, "mkfs.ext4 /dev/hermes-test-none");
    await asJob();
    expect(JSON.stringify(provider.requests[1]?.items)).toContain("It is never allowed");
  });

  test("still asks where somebody can be asked", async () => {
    const { ask } = await open({ unattended: "approve" });
    const { run_id: id } = (await ask("/v1/runs", { body: { input: "Clean." } })).json<{ run_id: string }>();
    await vi.waitFor(async () =>
      expect((await ask(`/v1/runs/${id}`)).json<AnyBody>().status).toBe("waiting_for_approval"),
    );
    await ask(`/v1/runs/${id}/stop`, { method: "POST" });
  });
});
