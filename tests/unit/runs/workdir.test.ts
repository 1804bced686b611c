import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Store } from "../../../src/storage/store.ts";
import { createRegistry } from "../../../src/tools/registry.ts";
import { fakeTool, inputOf } from "../../helpers/agent-run.ts";
import { finish, NEVER } from "../../helpers/crash.ts";
import { runService } from "../../helpers/run-service.ts";
import { call, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { transcriptOf } from "../../helpers/stored.ts";
import { toolContext } from "../../helpers/tools.ts";

test("a run goes on in its directory after a crash", async () => {
  const { workspace, sandbox } = await toolContext();
  await mkdir(join(workspace.root, "site"));
  const where = fakeTool("where", (_args, context) => context.workspace.root);
  const tools = createRegistry(
    { tools: [where] },
    { workspace, sandbox, policy: () => ({ verdict: "allow" }) },
  );
  const process = (left?: Store) =>
    runService(scriptedProvider([call("where"), say("Done.")]), { tools: { current: tools } }, left);
  const first = await process();
  const run = await first.runs.admit(inputOf({ surface: "jobs", background: true, workdir: "site" }));
  first.before = () => NEVER;
  void run.begin();
  const second = await process(first.inner);
  await finish(second, run.run.id);
  const transcript = transcriptOf(await second.inner.readTranscript(run.run.id));
  expect(transcript).toContain(`result ${join(workspace.root, "site")}`);
});
