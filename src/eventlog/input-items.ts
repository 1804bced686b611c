import { itemId, type RunId } from "../domain/id.ts";
import { type Item, type ItemBody, itemPrefix } from "../domain/item.ts";

/** What a run is given as its own items, numbered from 0. */
export function numberInputItems(run: RunId, bodies: readonly ItemBody[]): Item[] {
  return bodies.map((body, n) => ({
    id: itemId(itemPrefix(body), run, n),
    status: "completed",
    place: "input",
    ...body,
  }));
}
