import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { OWNER } from "../../src/auth/keys.ts";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import { MIGRATIONS } from "../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { olderDatabase } from "../helpers/older-database.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";
import { leaveUnfinished, type Progress } from "./unfinished-run.ts";

/** The first schema that kept what background runs were asked. */
const FIRST = 3;
const SCHEMAS = MIGRATIONS.map((_, at) => at + 1).slice(FIRST - 1);
const PROGRESS: readonly Progress[] = ["queued", "half said"];

test.each(
  SCHEMAS.flatMap((schema) => PROGRESS.map((progress) => ({ schema, progress }))),
)("a background response that a build of schema $schema left $progress is taken up and answered", async ({
  schema,
  progress,
}) => {
  const file = join(await temporaryDirectory(), "state.db");
  await olderDatabase(file, schema);
  const run = leaveUnfinished(file, OWNER.id, progress);
  const provider = scriptedProvider([say("It is.")]);
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  const { app, ask } = await openTestApp({ provider, store });
  expect(app.recovered).toMatchObject({ ended: 0, resumed: 1 });
  await vi.waitFor(async () => {
    const answer = await ask(`/v1/responses/${run.replace("run_", "resp_")}`);
    expect(answer.status).toBe(200);
    const { status, output } = answer.json<{ status: string; output: { content: { text: string }[] }[] }>();
    expect(status).toBe("completed");
    expect(output.at(-1)?.content.map(({ text }) => text)).toEqual(["It is."]);
  }, 10_000);
  expect(JSON.stringify(provider.requests[0]?.items)).toContain("Is it taken up?");
});
