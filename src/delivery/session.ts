import { createHash } from "node:crypto";
import { ApiError, invalidRequest } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import { textMessage } from "../domain/item.ts";
import type { SessionContents } from "../sessions/contents.ts";
import type { Sessions } from "../sessions/service.ts";
import { checkSessionId } from "../sessions/session-id.ts";
import { type DeliveryChannel, DeliveryError, type DeliveryMessage } from "./channel.ts";

const PREFIX = "session:";
/** How long one attempt waits for a session in which a run is going on, ms. */
const WAIT_MS = 10_000;

/** Creates the channel `session:<id>`: the result becomes a message of the assistant in that session, once. */
export function sessionChannel({
  sessions,
  contents,
}: {
  sessions: Sessions;
  contents: SessionContents;
}): DeliveryChannel {
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
    async deliver(message, stopped) {
      const { job, target, text } = message;
      const session = await sessions.find(target.slice(PREFIX.length), job.owner);
      if (session === undefined) throw new DeliveryError("There is no such session.", { isFinal: true });
      const said = textMessage("assistant", `[${job.name}]\n\n${text}`);
      const late = AbortSignal.timeout(WAIT_MS);
      try {
        const signal = AbortSignal.any([stopped, late]);
        await contents.addOnce(session, [said], { runId: messageRun(message), signal });
      } catch (error) {
        if (late.aborted) throw new DeliveryError("A run goes on in the session.");
        throw error instanceof ApiError ? new DeliveryError(error.message) : error;
      }
      return {};
    },
  };
}

/** Returns the id of the run that holds the message: the same for the same message, so that it is added once. */
function messageRun({ fire, target }: DeliveryMessage): RunId {
  const [, time = ""] = /^fire_([0-9a-f]{16})/.exec(fire.id) ?? [];
  const digest = createHash("sha256").update(`${fire.id} ${target}`).digest("hex");
  return `run_${(time + digest).slice(0, 32)}`;
}
