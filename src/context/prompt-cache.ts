import type { PromptSnapshot } from "../domain/session.ts";
import type { Store } from "../storage/store.ts";
import type { PromptBuilder } from "./core-prompt.ts";

/** Core prompts that runs are done with. A chain goes on with the one it began with, so the upstream's cache keeps it. */
export interface Prompts {
  /** The prompt as it is now. */
  current(): Promise<PromptSnapshot>;
  /** The prompt of a hash, else the current one; kept, so that later runs can go on with it. */
  keep(hash: string | undefined): Promise<PromptSnapshot>;
  /** What had to be left out of a prompt, in sentences; only known of the current one. */
  leftOut(hash: string): readonly string[];
  /** The hashes of those that are taken to be stored without a look. */
  held(): Iterable<string>;
}

/** Prompts that are held in memory: chains in use nearly always began with one of the last few. */
const MAX_HELD = 16;

/** Prompts of a store. */
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
