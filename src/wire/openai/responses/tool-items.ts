import type { Run } from "../../../domain/run.ts";
import { askedWay, detectClient, type Headers } from "../../shared/client.ts";
import type { ToolItems } from "./output.ts";

const TOOL_ITEMS: readonly ToolItems[] = ["mcp_call", "function_call", "none"];

/**
 * How the server's calls show: as `X-Hermes-Tool-Items` says, else as when the response was made, else as the client
 * understands them, else as configured. A replay must show them in the same way, or its frames had other numbers.
 * @throws ApiError 400 for a header that names no way.
 */
export function toolItemsFor(headers: Headers, made?: Run, configured: ToolItems = "mcp_call"): ToolItems {
  const asked = askedWay(headers, "X-Hermes-Tool-Items", TOOL_ITEMS);
  if (asked !== undefined) return asked;
  if (made?.surface === "responses")
    return (made.echo?.["tool_items"] as ToolItems | undefined) ?? "mcp_call";
  const client = detectClient(headers);
  return client === "hermes" || client === "openwebui" ? "function_call" : configured;
}
