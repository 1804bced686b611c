import { describe, expect, test, vi } from "vitest";
import { ConfigError } from "../../src/config/error.ts";
import { makeOperatorKey } from "../../src/config/operator-key.ts";
import { home } from "../helpers/config.ts";
import { openRuns, RUNS } from "../helpers/runs-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const PLAY = [call("terminal", { command: "rm -r keep" }), say("Done.")];
const REQUIRED = "approvals: {require_operator_key: true}\n";

/** A server whose answers to approvals need the operator's key, and a run that waits for one. */
async function open() {
  const path = await home({ yaml: REQUIRED });
  const key = makeOperatorKey({ path });
  const app = await openRuns(PLAY, { env: { HERMES_HOME: path }, files: { "keep/a.txt": "a" } });
  const { run_id: id } = await app.create();
  await vi.waitFor(async () =>
    expect((await app.ask(`${RUNS}/${id}`)).json<AnyBody>().status).toBe("waiting_for_approval"),
  );
  const answer = (choice: string, operator?: string) =>
    app.ask(`${RUNS}/${id}/approval`, {
      body: { choice },
      headers: { "x-hermes-operator-key": operator },
    });
  return { ...app, path, key, id, answer };
}

describe("approvals.require_operator_key", () => {
  test.each([
    "once",
    "session",
    "always",
    "deny",
  ])("approvals.require_operator_key keeps whoever has only the server's key from answering %s", async (choice) => {
    const { answer, ask, id, key } = await open();
    const refused = await answer(choice);
    expect([refused.status, refused.json().error]).toMatchObject([403, { code: "operator_key_required" }]);
    expect(refused.json().error.message).toContain("X-Hermes-Operator-Key");
    for (const wrong of ["x", `${key}x`, key.slice(1), "hermes-test-key-0123456789"]) {
      const answered = await answer(choice, wrong);
      expect([answered.status, answered.json().error]).toMatchObject([403, { code: "invalid_operator_key" }]);
    }
    expect((await ask(`${RUNS}/${id}`)).json<AnyBody>().status).toBe("waiting_for_approval");
    expect((await ask(`/runs/${id}/approval`, { body: { choice } })).status).toBe(403);
  });

  test("approvals.require_operator_key lets the operator answer, and take back what was allowed for ever", async () => {
    const { answer, ask, ends, id, key } = await open();
    expect((await answer("always", key)).status).toBe(200);
    expect(await ends(id)).toMatchObject({ status: "completed" });
    const [allowed] = (await ask("/v1/approvals?status=always")).json<{ data: { id: string }[] }>().data;
    const url = `/v1/approvals/${allowed?.id}`;
    expect((await ask(url, { method: "DELETE" })).json().error.code).toBe("operator_key_required");
    const headers = { "x-hermes-operator-key": key };
    expect((await ask(url, { method: "DELETE", headers })).status).toBe(200);
  });

  test("approvals.require_operator_key keeps a server without such a key from starting, and says how to make one", async () => {
    const path = await home({ yaml: REQUIRED });
    const start = openRuns(PLAY, { env: { HERMES_HOME: path } });
    await expect(start).rejects.toThrow(ConfigError);
    await expect(start).rejects.toThrow(/require_operator_key .* hermes operator-key$/);
  });

  test("approvals.require_operator_key takes the latest key alone, from the next start on", async () => {
    const { answer, path, key } = await open();
    const later = makeOperatorKey({ path });
    expect((await answer("deny", later)).status).toBe(403);
    expect((await answer("deny", key)).status).toBe(200);
  });

  test("approvals.require_operator_key is off by default: the server's key is enough", async () => {
    const { create, ask } = await openRuns(PLAY);
    const { run_id: id } = await create();
    await vi.waitFor(async () => {
      const { status } = await ask(`${RUNS}/${id}/approval`, { body: { choice: "deny" } });
      expect(status).toBe(200);
    });
  });
});
