import { expect, test } from "vitest";
import { Coalesced } from "../../../src/lib/coalesced.ts";

test("rounds go one after the other, and one more follows whoever asks in between", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const rounds = new Coalesced(() => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  });
  const first = rounds.run();
  expect([rounds.run(), rounds.run()]).toEqual([first, first]);
  expect(gates).toHaveLength(1);
  gates[0]?.resolve();
  await first;
  expect(gates).toHaveLength(2);
  gates[1]?.resolve();
  await rounds.over();
  expect(gates).toHaveLength(2);
});
