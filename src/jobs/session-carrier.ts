import { invalidRequest } from "../domain/error.ts";
import { textMessage } from "../domain/item.ts";
import type { SessionContents } from "../runs/session-contents.ts";
import type { Sessions } from "../sessions/service.ts";
import { checkSessionId } from "../sessions/session-id.ts";
import type { Carrier } from "./delivery.ts";

const PREFIX = "session:";
/** How long a result may wait for a session in which a run goes on. */
const WAIT_MS = 10 * 60 * 1000;

/** `session:<id>`: the result becomes a message of the assistant in that session. */
export function sessionCarrier({
  sessions,
  contents,
}: {
  sessions: Sessions;
  contents: SessionContents;
}): Carrier {
  return {
    takes(target, param) {
      if (!target.startsWith(PREFIX)) return false;
      try {
        checkSessionId(target.slice(PREFIX.length), { param });
      } catch {
        throw invalidRequest(param, `'${param}' must name a session as session:<id>.`);
      }
      return true;
    },
    async bring({ job, target, text }) {
      const session = await sessions.find(target.slice(PREFIX.length), job.owner);
      if (session === undefined) throw new Error("There is no such session.");
      const message = textMessage("assistant", `[${job.name}]\n\n${text}`);
      await contents.add(session, [message], AbortSignal.timeout(WAIT_MS));
      return {};
    },
  };
}
