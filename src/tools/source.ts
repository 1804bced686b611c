import type { Tool, Toolset } from "./define.ts";

/** The tools of a source, in the order in which models read them. */
export interface ToolList {
  tools: readonly Tool[];
  /** What is known of their groups; a group that is not described here is shown by its name alone. */
  toolsets?: readonly Toolset[];
}

/** Where tools come from: a directory of files, a server of tools, a specification. */
export interface ToolSource {
  /** The tools that it has now. */
  list(): ToolList;
  /**
   * Registers what is called after each change of the list; absent where the list never changes. The listener throws when
   * the new list cannot be used; the tools then stay as they were.
   */
  onChange?(listener: () => void): void;
}
