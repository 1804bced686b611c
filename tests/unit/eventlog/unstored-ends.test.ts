import { expect, test, vi } from "vitest";
import type { RunId } from "../../../src/domain/id.ts";
import { StorageError } from "../../../src/storage/store.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { runService } from "../../helpers/run-service.ts";
import { hold, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { OWNER } from "../../helpers/stored.ts";

const PATIENT = { interval: 10, timeout: 5_000 };
const full = () => Promise.reject(new StorageError("full", "The disk is full."));

/** A run that is stored as going on while the disk fills up, and has failed of it. */
async function failed(background: boolean) {
  const gate = createGate();
  const service = await runService(scriptedProvider([[...say("Hel", "lo"), ...hold(gate)]]));
  const asked = service.ask({ surface: background ? "runs" : "responses", background });
  await gate.reached();
  await vi.waitFor(async () => expect(await service.inner.unfinishedRuns()).toHaveLength(1), PATIENT);
  service.before = full;
  gate.open();
  const { run, events } = await asked;
  expect(events.at(-1)).toMatchObject({ type: "run.failed", error: { code: "storage_full" } });
  const stored = async (id: RunId = run.run.id) => (await service.inner.findRun(id, OWNER))?.status;
  return { ...service, service, run, events, stored };
}

test.each([
  true,
  false,
])("a run whose end could not be stored has one as soon as there is space, background: %s", async (background) => {
  const { service, run, events, stored, runs } = await failed(background);
  expect(["queued", "running"]).toContain(await stored());
  service.before = () => undefined;
  await vi.waitFor(async () => expect(await stored()).toBe("failed"), PATIENT);
  const kept = (await runs.read(run.run.id, OWNER))?.events ?? [];
  expect(kept.at(-1)).toMatchObject({ type: "run.failed", error: { code: "storage_full" } });
  // Above all that was told, and with nothing left open.
  expect(kept.at(-1)?.seq).toBeGreaterThan(events.at(-1)?.seq ?? 0);
  const open = kept.flatMap((event) => (event.type === "item.added" ? [event.item.id] : []));
  const closed = kept.flatMap((event) => (event.type === "item.done" ? [event.item.id] : []));
  expect(closed.sort()).toEqual(open.sort());
  expect(await service.inner.unfinishedRuns()).toEqual([]);
});

test("is stored at the latest when the server stops, and not tried after that", async () => {
  const { service, runs, stored, appends } = await failed(true);
  service.before = () => undefined;
  await runs.drain(0);
  expect(await stored()).toBe("failed");
  const written = appends.length;
  await runs.drain(0);
  expect(appends.length).toBe(written);
});
