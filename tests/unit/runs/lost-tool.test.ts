import { expect, test } from "vitest";
import type { Store } from "../../../src/storage/store.ts";
import type { Tool } from "../../../src/tools/define.ts";
import { fakeTool, inputOf, registryOf } from "../../helpers/agent-run.ts";
import { finish, NEVER } from "../../helpers/crash.ts";
import { runService } from "../../helpers/run-service.ts";
import { call, type Play, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { transcriptOf } from "../../helpers/stored.ts";

test("a call whose tool is gone after a crash has an unknown outcome, for it may have been made", async () => {
  const acting = Promise.withResolvers<void>();
  const act = fakeTool(
    "act",
    async () => {
      acting.resolve();
      await NEVER;
      return "";
    },
    { effect: "write" },
  );
  const process = (tools: Tool[], play: Play, left?: Store) =>
    runService(scriptedProvider(play), { tools: { current: registryOf(tools) } }, left);
  const first = await process([act], [call("act")]);
  const run = await first.runs.admit(inputOf({ surface: "runs", background: true }));
  void run.begin();
  await acting.promise;
  const second = await process([], [say("Done.")], first.inner);
  await finish(second, run.run.id);
  const transcript = transcriptOf(await second.inner.readTranscript(run.run.id));
  expect(transcript.find((line) => line.startsWith("result"))).toContain("its outcome is unknown");
});
