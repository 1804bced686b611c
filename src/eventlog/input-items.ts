import { itemId, type RunId } from "../domain/id.ts";
import { type Item, type ItemBody, itemPrefix } from "../domain/item.ts";

/** Numbers the input of a run as its own items, starting at 0. */
export function numberInputItems(run: RunId, bodies: readonly ItemBody[]): Item[] {
  return bodies.map((body, n) => ({
    id: itemId(itemPrefix(body), run, n),
    status: "completed",
    place: "input",
    ...body,
  }));
}
