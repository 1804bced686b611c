import { numberOfPart } from "../../../domain/id.ts";
import type { Item } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import { NO_USAGE } from "../../../domain/usage.ts";
import { type Page, type PageQuery, toListPage, unknownCursor } from "../../shared/page.ts";
import { ResponsesEncoder } from "../responses/encode.ts";
import { type ListedItem, listedItem } from "../responses/input-items.ts";
import { callItemId, type ToolItems } from "../responses/output.ts";

/** A run of a conversation with its items. */
interface RunItems {
  run: Run;
  items: readonly Item[];
}

/** What decides how a conversation's items look. */
export interface ItemForm {
  /** How the server's calls of a run show. */
  toolItems(run: Run): ToolItems;
  /** The ids of items that were deleted. */
  hidden: ReadonlySet<string>;
}

/**
 * One page of a conversation's items. `runs` are its runs in the order of the list, from the cursor's on; no more of
 * them are read than the page needs.
 * @throws ApiError 400 for a cursor that is no item of the conversation; one that was deleted still has its place.
 */
export async function pageOfItems(
  runs: AsyncIterable<RunItems>,
  { order, limit, after }: PageQuery,
  form: ItemForm,
): Promise<Page<ListedItem>> {
  const entries: ListedItem[] = [];
  let cursor = after;
  for await (const read of runs) {
    const printed = printedItems(read, form);
    if (order === "desc") printed.reverse();
    entries.push(...(cursor === undefined ? printed : itemsAfter(cursor, printed, { order, read })));
    cursor = undefined;
    if (entries.length > limit) break;
  }
  if (cursor !== undefined) throw unknownCursor(cursor);
  return toListPage(entries, limit);
}

/** The items of a run that its conversation shows: what was put in, then what was made, as its response shows it. */
export function printedItems({ run, items }: RunItems, { toolItems, hidden }: ItemForm): ListedItem[] {
  const shown = items.filter(({ id, status }) => status !== "in_progress" && !hidden.has(id));
  const response = new ResponsesEncoder({ run, toolItems: toolItems(run) });
  const event = { runId: run.id, seq: 0, at: 0 };
  for (const item of shown) response.read({ ...event, type: "item.done", item });
  // Closes calls that have no result.
  response.read({ ...event, type: "run.completed", reason: "stop", usage: NO_USAGE, steps: 0 });
  const input = shown.filter(({ place }) => place === "input");
  return [...input.map(listedItem), ...(response.response().output as readonly ListedItem[])];
}

/** The ids in the transcript of what a client deletes: a call that is shown with its result is both. */
export function deletedIds(shown: ListedItem, items: readonly Item[]): string[] {
  const id = callItemId(shown.id);
  const call = items.find((item) => item.id === id);
  if (shown.type !== "mcp_call" || call?.type !== "function_call") return [id];
  const results = items.filter(
    (item) => item.type === "function_call_output" && item.call_id === call.call_id,
  );
  return [id, ...results.map((result) => result.id)];
}

interface Cursor {
  order: PageQuery["order"];
  /** The run that the cursor's item is of. */
  read: RunItems;
}

/** What comes after an item of the same run, whether it is still shown or not. */
function itemsAfter(after: string, printed: readonly ListedItem[], { order, read }: Cursor): ListedItem[] {
  if (!read.items.some(({ id }) => id === callItemId(after))) throw unknownCursor(after);
  const place = numberOfPart(after) ?? 0;
  return printed.filter(({ id }) => {
    const number = numberOfPart(id) ?? 0;
    return order === "asc" ? number > place : number < place;
  });
}
