import { describe, expect, test } from "vitest";
import { createPrompts } from "../../../src/context/prompt-cache.ts";
import type { PromptSnapshot } from "../../../src/domain/session.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";

async function open() {
  const { inner } = await hookedStore();
  let now: PromptSnapshot = { text: "one", hash: "1" };
  const builder = { current: async () => now, leftOut: () => [] };
  const change = (next: PromptSnapshot) => {
    now = next;
  };
  return { prompts: createPrompts(builder, inner), again: () => createPrompts(builder, inner), change };
}

describe("the prompt of a chain", () => {
  test("the prompt of a chain stays what it was when the files change, also for a later process", async () => {
    const { prompts, again, change } = await open();
    expect(await prompts.keep(undefined)).toEqual({ text: "one", hash: "1" });
    change({ text: "two", hash: "2" });
    expect(await prompts.keep("1")).toEqual({ text: "one", hash: "1" });
    expect(await again().keep("1")).toEqual({ text: "one", hash: "1" });
    expect(await prompts.keep(undefined)).toEqual({ text: "two", hash: "2" });
  });

  test("the prompt of a chain that nobody kept is the current one", async () => {
    const { prompts } = await open();
    expect(await prompts.keep("unknown")).toEqual({ text: "one", hash: "1" });
  });

  test("the prompt of a chain is found in the store when many others were used since", async () => {
    const { prompts, change } = await open();
    await prompts.keep(undefined);
    for (let n = 2; n < 40; n++) {
      change({ text: `${n}`, hash: `${n}` });
      await prompts.keep(undefined);
    }
    expect(await prompts.keep("1")).toEqual({ text: "one", hash: "1" });
  });
});
