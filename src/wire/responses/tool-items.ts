import { invalidRequest } from "../../domain/error.ts";
import type { Run } from "../../domain/run.ts";
import { detectClient, type Headers } from "../chat/client.ts";
import type { ToolItems } from "./output.ts";

const TOOL_ITEMS: readonly ToolItems[] = ["mcp_call", "function_call", "none"];

/**
 * How the server's calls show: as `X-Hermes-Tool-Items` says, else as when the response was made, else as the client
 * understands them. A replay must show them in the same way, or its frames had other numbers.
 * @throws ApiError 400 for a header that names no way.
 */
export function toolItemsFor(headers: Headers, made?: Run): ToolItems {
  const asked = String(headers["x-hermes-tool-items"] ?? "").toLowerCase();
  const named = TOOL_ITEMS.find((items) => items === asked);
  if (named !== undefined) return named;
  if (asked !== "") {
    throw invalidRequest(
      "X-Hermes-Tool-Items",
      `Invalid 'X-Hermes-Tool-Items': use one of ${TOOL_ITEMS.join(", ")}.`,
    );
  }
  if (made?.surface === "responses")
    return (made.echo?.["tool_items"] as ToolItems | undefined) ?? "mcp_call";
  const client = detectClient(headers);
  return client === "hermes" || client === "openwebui" ? "function_call" : "mcp_call";
}
