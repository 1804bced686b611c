import type { PromptSnapshot } from "../domain/session.ts";
import type { Store } from "../storage/store.ts";
import type { PromptBuilder } from "./core-prompt.ts";

/** The core prompts of runs. A chain keeps the prompt it started with, so that the upstream's cache stays valid. */
export interface Prompts {
  /** Returns the current prompt. */
  current(): Promise<PromptSnapshot>;
  /** Returns the prompt with a hash, otherwise the current one, and stores it for later runs. */
  keep(hash: string | undefined): Promise<PromptSnapshot>;
  /** Returns what a prompt had to leave out, as sentences; known only of the current one. */
  leftOut(hash: string): readonly string[];
  /** Returns the hashes of prompts that are assumed to be stored without checking. */
  held(): Iterable<string>;
}

/** How many prompts are held in memory: active chains nearly always use one of the latest. */
const MAX_HELD = 16;

/** Creates the prompts of a store. */
export function createPrompts(builder: PromptBuilder, store: Store): Prompts {
  const held = new Map<string, PromptSnapshot>();
  const hold = (prompt: PromptSnapshot): PromptSnapshot => {
    held.set(prompt.hash, prompt);
    const [oldest] = held.keys();
    if (held.size > MAX_HELD && oldest !== undefined) held.delete(oldest);
    return prompt;
  };
  return {
    current: () => builder.current(),
    leftOut: (hash) => builder.leftOut(hash),
    held: () => held.keys(),
    async keep(hash) {
      const known = hash === undefined ? undefined : (held.get(hash) ?? (await store.findPrompt(hash)));
      if (known !== undefined) return held.has(known.hash) ? known : hold(known);
      const current = await builder.current();
      if (held.has(current.hash)) return current;
      await store.keepPrompt(current);
      return hold(current);
    },
  };
}
