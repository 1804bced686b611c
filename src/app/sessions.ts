import type { PromptBuilder } from "../context/core-prompt.ts";
import type { Models } from "../providers/resolve.ts";
import { SessionCatalog } from "../sessions/catalog.ts";
import { SessionContents } from "../sessions/contents.ts";
import { createForks, type SessionForks } from "../sessions/forks.ts";
import { SessionModels } from "../sessions/models.ts";
import { createSessions, type Sessions } from "../sessions/service.ts";
import type { Store } from "../storage/store.ts";
import type { AppContext } from "./context.ts";

/** What the routes of sessions and conversations work with. It has nothing to start or to stop. */
export interface SessionServices {
  readonly sessions: Sessions;
  readonly catalog: SessionCatalog;
  readonly contents: SessionContents;
  readonly forks: SessionForks;
  readonly sessionModels: SessionModels;
}

/** Puts the services of sessions together. */
export function openSessions(
  { clock, nextId }: AppContext,
  { store, prompt, models }: { store: Store; prompt: PromptBuilder; models: Models },
): SessionServices {
  const sessions = createSessions({ store, prompt, clock, nextId });
  const catalog = new SessionCatalog({ store, prompt, clock, nextId });
  return {
    sessions,
    catalog,
    contents: new SessionContents({ store, sessions, clock, nextId }),
    forks: createForks({ store, sessions, catalog, clock, nextId }),
    sessionModels: new SessionModels({ models, catalog }),
  };
}
