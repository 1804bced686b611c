import { z } from "zod";
import { type ApiError, invalidRequest } from "../../domain/error.ts";
import { type RunId, runIdFrom } from "../../domain/id.ts";
import { quoted } from "../../lib/text.ts";
import { QueryNumber } from "./fields.ts";

/** Which page of a list is asked for; numbers come as text. */
export const PageQuery = z.object({
  order: z.enum(["asc", "desc"]).default("desc"),
  limit: QueryNumber(1, 100).default(20),
  after: z.string().max(256).exactOptional(),
});
export type PageQuery = z.infer<typeof PageQuery>;

/**
 * The page of a whole list that is asked for.
 * @throws ApiError 400 for a cursor that is not in the list.
 */
export function cutPage<Entry extends { id: string }>(
  all: readonly Entry[],
  { order, limit, after }: PageQuery,
): Page<Entry> {
  const ordered = order === "asc" ? all : all.toReversed();
  const at = ordered.findIndex(({ id }) => id === after);
  if (after !== undefined && at === -1) throw unknownCursor(after);
  return toListPage(ordered.slice(at + 1, at + 2 + limit), limit);
}

/** One page in OpenAI's form. */
export interface Page<Entry> {
  object: "list";
  data: Entry[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** A page of what was read: one entry more than asked for means that there are more. */
export function toListPage<Entry extends { id: string }>(read: readonly Entry[], limit: number): Page<Entry> {
  const data = read.slice(0, limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: read.length > limit,
  };
}

/** 400: `after` names nothing in the list. */
export function unknownCursor(after: string): ApiError {
  return invalidRequest("after", `There is no ${quoted(after)} in this list.`);
}

/**
 * The run after which a list of runs goes on.
 * @throws ApiError 400 for a cursor that is no run's name.
 */
export function runCursor(after: string | undefined): RunId | undefined {
  if (after === undefined) return undefined;
  const run = runIdFrom(after);
  if (run === undefined) throw unknownCursor(after);
  return run;
}

/** The schema of a page. */
export function pageSchema<Entry extends z.ZodType>(entry: Entry) {
  return z.object({
    object: z.literal("list"),
    data: z.array(entry),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}
