import { previousNotFound } from "../../src/domain/error.ts";
import { type RunId, runIdFrom } from "../../src/domain/id.ts";
import type { RunInput } from "../../src/domain/run.ts";
import type { Disconnect } from "../../src/http/send.ts";
import type { Streams } from "../../src/http/streams.ts";
import type { TextCipher } from "../../src/lib/text-cipher.ts";
import type { Runs } from "../../src/runs/service.ts";
import { decodeResponses } from "../../src/wire/openai/responses/decode.ts";
import { referencedIds, requestFiles } from "../../src/wire/openai/responses/items.ts";
import type { ToolItems } from "../../src/wire/openai/responses/output.ts";
import type { ResponsesRequest } from "../../src/wire/openai/responses/schema.ts";
import { decryptReasoning } from "../../src/wire/openai/responses/sealed-reasoning.ts";
import { toolItemsFor } from "../../src/wire/openai/responses/tool-items.ts";
import { disconnectCancels, type Headers, isAttended } from "../../src/wire/shared/client.ts";
import { readFiles } from "../../src/wire/shared/files/parts.ts";
import type { FileReader } from "../../src/wire/shared/files/reader.ts";
import type { ReadParts } from "../../src/wire/shared/parts.ts";

/** How requests for responses are treated where they do not say so themselves. */
export interface ResponsesSettings {
  clientTools: "allow" | "ignore";
  /** Whether the server has a tool of that name. */
  isOwnTool(name: string): boolean;
  files: FileReader;
  /** How the server's calls show to a client that is not recognised. */
  toolItems: ToolItems;
  /** Whether instructions go on along a chain. */
  inheritInstructions: boolean;
  previousNotFound: "invalid" | "missing";
  /** For reasoning that clients keep themselves. */
  cipher: TextCipher;
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
  /** Whether people answer what the run asks. */
  attended?: boolean | undefined;
  /** The session that a header names. */
  sessionId?: string | undefined;
  idempotency?: RunInput["idempotency"];
  /** What was read of the request's files. */
  files?: ReadParts | undefined;
}

/** Reads what a request for a response asks the agent to do, with its files. @throws ApiError as `decodeBody` and `readFiles`. */
export async function readBody(body: ResponsesRequest, asking: Asking): Promise<RunInput> {
  return decodeBody(body, { ...asking, files: await readFiles(requestFiles(body), asking.settings.files) });
}

/**
 * Decodes what a request for a response asks the agent to do, whichever way it came.
 * @throws ApiError 400 for what cannot be, or names a response or item that is not there.
 */
export async function decodeBody(
  body: ResponsesRequest,
  { runs, settings, owner, toolItems, attended, sessionId, idempotency, files }: Asking,
): Promise<RunInput> {
  const previous = previousRun(body, settings);
  const instructions =
    settings.inheritInstructions && previous !== undefined
      ? await findInstructions(runs, previous, owner)
      : null;
  return decodeResponses(
    { ...body, instructions: body.instructions ?? instructions },
    {
      owner,
      previous,
      idempotency,
      toolItems,
      attended,
      sessionId,
      files,
      clientTools: settings.clientTools,
      isOwnTool: settings.isOwnTool,
      unseal: (sealed) => decryptReasoning(sealed, settings.cipher, owner),
      referenced: await runs.findItems(referencedIds(body.input), owner),
    },
  );
}

/**
 * What the headers of a request, or of a handshake, say about its answers.
 * @throws ApiError 400 for a header that cannot be.
 */
export function readTerms(
  headers: Headers,
  settings: ResponsesSettings,
): { toolItems: ToolItems; attended: boolean; disconnect: Disconnect } {
  const cancels = disconnectCancels(headers, settings.onDisconnect);
  return {
    toolItems: toolItemsFor(headers, undefined, settings.toolItems),
    attended: isAttended(headers, "deny"),
    disconnect: { cancels, graceMs: settings.disconnectGraceMs },
  };
}

/** The instructions of a response, which it may have from the one before it. */
async function findInstructions(runs: Runs, id: RunId, owner: string): Promise<string | null> {
  const instructions = (await runs.watch(id, owner))?.run.echo?.["instructions"];
  return typeof instructions === "string" ? instructions : null;
}

/** What the request goes on from; a conversation that it brings along comes first. */
function previousRun(
  { previous_response_id: id, conversation_history: history }: ResponsesRequest,
  settings: ResponsesSettings,
): RunId | undefined {
  if (id === undefined || id === null || (history !== undefined && history !== null)) return undefined;
  const run = runIdFrom(id);
  if (run !== undefined) return run;
  throw previousNotFound(id, settings.previousNotFound);
}
