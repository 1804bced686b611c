import { expect, test } from "vitest";
import type { AgentEvent } from "../../../../../src/domain/event.ts";
import { LastDelta, RunsEncoder } from "../../../../../src/wire/hermes/runs/encode.ts";
import { aRun, dialogue } from "../../../../helpers/stored.ts";

test("watchers that share what was printed last read what each would alone, of whichever run", () => {
  const runs = [aRun(), aRun()];
  const logs = runs.map((run, i) => dialogue(run, "?", `answer of ${i}`));
  const print = (encoder: RunsEncoder, log: readonly AgentEvent[] = []) =>
    log.map((event) => encoder.push(event)).join("");
  const alone = runs.map((run, i) => print(new RunsEncoder(run), logs[i]));
  const last = new LastDelta();
  const watchers = runs.flatMap((run, i) =>
    [1, 2, 3].map(() => ({ i, encoder: new RunsEncoder(run, { last }), text: "" })),
  );
  for (let at = 0; at < (logs[0]?.length ?? 0); at++) {
    for (const watcher of watchers) {
      const event = logs[watcher.i]?.[at];
      if (event !== undefined) watcher.text += watcher.encoder.push(event);
    }
  }
  for (const { i, text } of watchers) expect(text).toBe(alone[i]);
});
