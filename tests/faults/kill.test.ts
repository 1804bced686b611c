import { expect } from "vitest";
import { checkLedger } from "./mixed-check.ts";
import { load, mixedScript, newLedger } from "./mixed-load.ts";
import { fault, percentile, randomFrom, SEED } from "./report.ts";
import { killAfter, openPlace } from "./server.ts";

const ROW = {
  id: "R-01",
  what: "`kill -9` under mixed load (responses made, chained and deleted, background, runs, a session): nothing acknowledged is lost or changed, all of it ends, nothing is done twice, the file is whole",
  counts: { quick: 10, usual: 60, full: 500 },
  limit: { of: "restart to healthy, p99", most: 1_000, unit: "ms" },
};

fault(ROW, async (rounds) => {
  const random = randomFrom(SEED);
  const place = await openPlace(mixedScript);
  const ledger = newLedger();
  const { failures } = ledger;
  for (let round = 0; round < rounds; round++) {
    const server = await place.start();
    await Promise.all([load(server, round, ledger), killAfter(server, 5 + random() * 495)]);
    const integrity = await place.integrity();
    if (integrity !== "ok") failures.push(`round ${round}: ${integrity}`);
  }
  const server = await place.start();
  const interrupted = await checkLedger(server, place, ledger);
  const { background, runs, whole, deleted, chain, seen } = ledger;
  console.log(
    `seed ${SEED}: acknowledged ${background.size} background responses, ${runs.size} runs, ${whole.size} answers, ` +
      `${deleted.length} deletions, a chain of ${chain.said.length}, ${seen.length} events; ${interrupted.size} interrupted`,
  );
  expect(background.size + runs.size).toBeGreaterThan(rounds);
  return { failures, figure: percentile(place.starts, 0.99) };
});
