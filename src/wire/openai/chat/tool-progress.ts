import { askedWay, type Client, detectClient, type Headers } from "../../shared/client.ts";
import type { ToolProgress } from "./encode.ts";

const PROGRESS: readonly ToolProgress[] = ["fields", "events", "openwebui", "off"];
const OF_CLIENT: Readonly<Partial<Record<Client, ToolProgress>>> = {
  hermes: "events",
  openwebui: "openwebui",
};

/**
 * How tool progress shows: the request's header, else what the client understands, else the configured way.
 * `events`: whether named events may be sent to clients that did not ask for them.
 * @throws ApiError 400 for a header that names no way.
 */
export function progressFor(
  headers: Headers,
  config: { progress: ToolProgress; events: boolean },
): ToolProgress {
  const asked = askedWay(headers, "X-Hermes-Tool-Progress", PROGRESS);
  if (asked !== undefined) return asked;
  const progress = OF_CLIENT[detectClient(headers)] ?? config.progress;
  return progress === "events" && !config.events ? "off" : progress;
}
