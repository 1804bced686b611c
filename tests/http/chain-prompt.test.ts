import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

test("a chain keeps the core prompt that it began with, while new responses have the new one", async () => {
  const provider = scriptedProvider(() => say("Hi."));
  const { ask, home } = await openTestApp({ provider });
  const create = async (body: object) =>
    (await ask("/v1/responses", { body: { input: "x", ...body } })).json();
  const coreOf = () => provider.requests.at(-1)?.core ?? "";
  const first = await create({});
  const old = coreOf();
  await writeFile(join(home, "SOUL.md"), "You are somebody else now.");
  // The files are looked at again once a second.
  await vi.waitFor(async () => {
    await create({});
    expect(coreOf()).toContain("somebody else");
  }, 5_000);
  const next = await create({ previous_response_id: first.id });
  expect(coreOf()).toBe(old);
  await create({ previous_response_id: next.id });
  expect(coreOf()).toBe(old);
});
