import { textMessage } from "../domain/item.ts";
import type { RunInput } from "../domain/run.ts";

/** The request to the model. */
const REQUEST = `Write a summary of our conversation so far. It will stand in place of the conversation: whoever goes on reads it and nothing else.

Keep, in the words that were used: what the user wants and every instruction still in force; facts, numbers, names, ids, file names, paths, URLs, commands and code that later steps may need; what was decided and why; what was done and what came of it, failures included; what is open, and the next step.

Leave out greetings, repetitions and dead ends that teach nothing. Do not answer the conversation, do not call tools, and write the summary only.`;

/** Returns the input of a run that summarizes what another run would have continued. */
export function summaryInput({
  surface,
  policy,
  owner,
  ask,
  previous,
  items,
  instructions,
}: RunInput): RunInput {
  return {
    surface,
    policy,
    owner,
    ask,
    mode: "plain",
    ...(previous !== undefined && { previous }),
    items: [...items, textMessage("user", REQUEST)],
    ...(instructions !== undefined && { instructions }),
    tools: [],
    toolChoice: { mode: "none" },
    settings: {},
    deltas: false,
    store: false,
  };
}
