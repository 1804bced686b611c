import type { SearchMatch, SearchRequest } from "../workspace.ts";

/** What a search thread is made with. */
export interface ThreadSetup {
  /** The server's own files, as {@link Protection} takes them. */
  protectedPaths: readonly string[];
  /** Four bytes for each place of {@link CONTROL}. */
  control: SharedArrayBuffer;
}

/** One search, as its thread gets it. */
export interface SearchJob extends SearchRequest {
  /** The real path of the workspace. */
  root: string;
  /** Another absolute path by which the workspace is called. */
  alias: string;
}

/** How a search ended that was not stopped from outside. */
export interface SearchEnd {
  /** Why there may be more than was found. */
  cut?: "limit" | "time";
  /** Files that are no text or could not be read. */
  passedOver: number;
}

/** What a thread tells: matches as they are found, then one end or one error whose message is meant for the model. */
export type ThreadNews = { matches: SearchMatch[] } | { end: SearchEnd } | { error: string };

/** Places in the memory that both sides see while the thread is too busy for messages. */
export const CONTROL = {
  /** Counted up by the thread as it goes on. */
  beat: 0,
  /** 1 while the thread tests lines against the pattern, else 0. */
  matching: 1,
  /** 1 when the search is to end. */
  stop: 2,
} as const;
