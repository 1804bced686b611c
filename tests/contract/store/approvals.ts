import { describe, expect, test } from "vitest";
import type { EventBody } from "../../../src/domain/event.ts";
import {
  type ApprovalRequest,
  approvalId,
  permissionScope,
  type Settlement,
} from "../../../src/domain/interactions.ts";
import type { Run } from "../../../src/domain/run.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  aSession,
  COMPLETED,
  numbered,
  type Open,
  OWNER,
  STARTED,
  writeOf,
} from "../../helpers/stored.ts";

const PAGE = { owner: OWNER, order: "asc", limit: 10 } as const;
const DAY_MS = 24 * 60 * 60 * 1000;

function asked(run: Run, n = 1, digest = "d"): ApprovalRequest {
  const callId = `call_${run.id.slice(4)}_${n}`;
  const question = { tool: "terminal", command: "rm -r x", description: "Deletes", rule: "rm", digest };
  return { id: approvalId(callId), callId, expiresAt: 5_000, ...question };
}

/** A run that asked once, and was answered. */
async function keepAnswered(store: Store, run: Run, choice?: Settlement): Promise<ApprovalRequest> {
  const approval = asked(run);
  const bodies: EventBody[] = [
    { type: "run.created", run, input: [] },
    STARTED,
    { type: "approval.requested", approval },
  ];
  if (choice !== undefined)
    bodies.push({ type: "approval.resolved", approvalId: approval.id, choice }, COMPLETED);
  await store.append([writeOf(run, numbered(run, bodies))]);
  return approval;
}

const attended = (terms: Partial<Run> = {}) => aRun({ attended: true, ...terms });

/** The part of the store's contract about what people are asked. */
export function approvalContract(open: Open): void {
  describe("approvals", () => {
    test("approvals are listed by how they stand, with their run, to their owner alone", async () => {
      const store = await open();
      const run = attended({ sessionId: "s" });
      const approval = await keepAnswered(store, run);
      const listed = await store.approvals.list({ ...PAGE, status: "pending" });
      expect(listed).toMatchObject([
        { approval, runId: run.id, sessionId: "s", status: "pending", settledAt: undefined },
      ]);
      expect(await store.approvals.list({ ...PAGE, status: "deny" })).toEqual([]);
      expect(await store.approvals.list({ ...PAGE, owner: "somebody else", status: "pending" })).toEqual([]);
      const answered = attended();
      await keepAnswered(store, answered, "deny");
      expect(await store.approvals.list({ ...PAGE, status: "deny" })).toMatchObject([
        { runId: answered.id, status: "deny", settledAt: expect.any(Number) },
      ]);
    });

    test("approvals are listed page by page, either way", async () => {
      const store = await open();
      const all: string[] = [];
      for (let i = 0; i < 5; i++) all.push((await keepAnswered(store, attended())).id);
      for (const order of ["asc", "desc"] as const) {
        const found: string[] = [];
        for (let after: string | undefined; ; after = found.at(-1)) {
          const page = await store.approvals.list({ ...PAGE, order, limit: 2, status: "pending", after });
          if (page.length === 0) break;
          found.push(...page.map(({ approval }) => approval.id));
        }
        expect(found).toEqual(order === "asc" ? all : all.toReversed());
      }
    });

    test.each([
      ["once", false, false],
      ["deny", false, false],
      ["expired", false, false],
      ["session", true, false],
      ["always", true, true],
    ] as const)("approvals that were settled by %s permit the same call: in their session %s, elsewhere %s", async (choice, here, elsewhere) => {
      const store = await open();
      const run = attended({ sessionId: "s" });
      const { id } = await keepAnswered(store, run, choice);
      const query = { owner: OWNER, digest: "d", scope: permissionScope(run) };
      expect(await store.approvals.findPermission(query)).toBe(here);
      expect(await store.approvals.findPermission({ ...query, scope: "t" })).toBe(elsewhere);
      expect(await store.approvals.findPermission({ ...query, digest: "e" })).toBe(false);
      expect(await store.approvals.findPermission({ ...query, owner: "somebody else" })).toBe(false);
      expect(await store.approvals.revoke(id, "somebody else")).toBe(false);
      expect(await store.approvals.revoke(id, OWNER)).toBe(here);
      expect(await store.approvals.findPermission(query)).toBe(false);
    });

    test("approvals for a session end with it: a later one of its name is another", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      await keepAnswered(store, attended({ sessionId: "s" }), "session");
      await store.sessions.delete("s", OWNER, 1);
      expect(await store.approvals.findPermission({ owner: OWNER, digest: "d", scope: "s" })).toBe(false);
    });

    test("go with a run that is deleted, but for what is allowed always", async () => {
      const store = await open();
      for (const choice of ["deny", "always"] as const) {
        const run = attended();
        await keepAnswered(store, run, choice);
        await store.disownRun(run.id, OWNER, 1);
      }
      expect(await store.approvals.list({ ...PAGE, status: "deny" })).toEqual([]);
      expect(await store.approvals.list({ ...PAGE, status: "always" })).toHaveLength(1);
    });

    test("approvals are swept thirty days after their time, but for what is still allowed", async () => {
      const store = await open();
      for (const choice of ["deny", "always", "session"] as const)
        await keepAnswered(store, attended(), choice);
      await store.sweep(5_000 + 30 * DAY_MS - 1, 100);
      expect(await store.approvals.list({ ...PAGE, status: "deny" })).toHaveLength(1);
      await store.sweep(5_000 + 30 * DAY_MS, 100);
      expect(await store.approvals.list({ ...PAGE, status: "deny" })).toEqual([]);
      // Its run was its scope, and is over.
      expect(await store.approvals.list({ ...PAGE, status: "session" })).toEqual([]);
      expect(await store.approvals.list({ ...PAGE, status: "always" })).toHaveLength(1);
    });
  });
}
