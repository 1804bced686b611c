import { describe, expect, test } from "vitest";
import { openChat } from "../helpers/chat-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";

/** A search of this takes a millisecond for each of its lines: longer than any search may. */
const FILES = { "slow/lines": `${"x".repeat(1_000)}\n`.repeat(20_000), "quick/lines": "hay\nneedle\n" };
const SLOW = call("search_files", { pattern: "x*y", path: "slow" });
const QUICK = call("search_files", { pattern: "needle", path: "quick" });

/** A server whose first chat searches as often at once as there are threads, and whose next chat searches quickly. */
async function open(drainSeconds = 10) {
  const play: Play = ({ items }) => {
    const last = items.at(-1);
    if (last?.type === "function_call_output") return say(String(last.output));
    return JSON.stringify(last).includes("slowly") ? [...SLOW, ...SLOW] : QUICK;
  };
  const config = { gateway: { api_server: { drain_timeout_seconds: drainSeconds } } };
  const opened = await openChat(play, { files: FILES, config });
  return { ...opened, origin: await opened.listen() };
}

const SLOWLY = { messages: [{ role: "user", content: "Search slowly." }], stream: true };

describe("a search that takes long", () => {
  test("a search that takes long leaves other requests alone, and gives its threads back when its client leaves", async () => {
    const { talk, chat, running, origin } = await open();
    const raw = await talk(SLOWLY);
    await raw.until("search_files");
    await running(1);
    expect((await fetch(`${origin}/health`)).status).toBe(200);
    raw.destroy();
    await running(0);
    // Behind the slow ones it would wait for twenty seconds.
    expect((await chat()).text).toContain("quick/lines:2: needle");
  });

  test("a search that takes long does not hold up a server that closes", async () => {
    const { talk, running, app } = await open(0.05);
    const raw = await talk(SLOWLY);
    await raw.until("search_files");
    await running(1);
    await app.close();
    expect(await raw.closed).toContain("shutdown");
  });
});
