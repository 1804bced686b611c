import { invalidRequest } from "../src/domain/error.ts";
import { type RunId, runIdFrom } from "../src/domain/id.ts";
import type { RunInput } from "../src/domain/run.ts";
import type { Disconnect } from "../src/http/send.ts";
import type { Streams } from "../src/http/streams.ts";
import type { Runs } from "../src/runs/service.ts";
import { disconnectCancels, type Headers } from "../src/wire/client.ts";
import { decodeResponses, referencedIds } from "../src/wire/responses/decode.ts";
import type { ToolItems } from "../src/wire/responses/output.ts";
import type { ResponsesRequest } from "../src/wire/responses/schema.ts";
import { toolItemsFor } from "../src/wire/responses/tool-items.ts";

/** How requests for responses are treated where they do not say so themselves. */
export interface ResponsesSettings {
  clientTools: "allow" | "ignore";
  onDisconnect: "cancel" | "continue";
  disconnectGraceMs: number;
}

/** What the routes need. */
export interface ResponsesDeps {
  runs: Runs;
  streams: Streams;
  settings: ResponsesSettings;
}

/** Who asks for a response, and where. */
interface Asking extends Pick<ResponsesDeps, "runs" | "settings"> {
  owner: string;
  /** How the server's calls show. */
  toolItems: ToolItems;
}

/**
 * What a request for a response asks the agent to do, whichever way it came.
 * @throws ApiError 400 for what cannot be, or names a response or item that is not there.
 */
export async function runInput(
  body: ResponsesRequest,
  { runs, settings, owner, toolItems }: Asking,
): Promise<RunInput> {
  return decodeResponses(body, {
    owner,
    previous: previousRun(body),
    toolItems,
    clientTools: settings.clientTools,
    referenced: await runs.findItems(referencedIds(body.input), owner),
  });
}

/**
 * What the headers of a request, or of a handshake, say about its answers.
 * @throws ApiError 400 for a header that cannot be.
 */
export function readTerms(
  headers: Headers,
  settings: ResponsesSettings,
): { toolItems: ToolItems; disconnect: Disconnect } {
  const cancels = disconnectCancels(headers, settings.onDisconnect);
  return {
    toolItems: toolItemsFor(headers),
    disconnect: { cancels, graceMs: settings.disconnectGraceMs },
  };
}

function previousRun({ previous_response_id: id }: ResponsesRequest): RunId | undefined {
  if (id === undefined || id === null) return undefined;
  const run = runIdFrom(id);
  if (run !== undefined) return run;
  const message = `Previous response with id '${id}' not found.`;
  throw invalidRequest("previous_response_id", message, "previous_response_not_found");
}
