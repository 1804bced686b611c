import type { Settings } from "../config/schema.ts";
import type { Prompts } from "../context/prompt-cache.ts";
import { EventLog } from "../eventlog/event-log.ts";
import type { Models } from "../providers/resolve.ts";
import { Runs } from "../runs/service.ts";
import type { Sessions } from "../sessions/service.ts";
import type { Store } from "../storage/store.ts";
import type { ToolCatalog } from "../tools/catalog.ts";
import { type AppContext, DAY_MS } from "./context.ts";
import type { Part } from "./part.ts";

/** The runs, and the log of their events. */
export interface RunsPart extends Part {
  readonly runs: Runs;
  readonly events: EventLog;
  /** Runs of a former process: those that were ended as failed, and those that go on. Known after the start. */
  readonly recovered: { ended: number; resumed: number };
}

/** What runs are done with. */
interface RunsNeeds {
  store: Store;
  models: Models;
  sessions: Sessions;
  prompts: Prompts;
  tools: ToolCatalog;
}

/** Opens the runs; the start takes up what a former process left. */
export function openRuns(context: AppContext, needs: RunsNeeds): RunsPart {
  const { config, clock, nextId, onFault } = context;
  const events = new EventLog({ store: needs.store, clock, onFault });
  const runs = new Runs({ ...needs, ...runSettings(config.settings), log: events, clock, nextId, onFault });
  let recovered = { ended: 0, resumed: 0 };
  return {
    name: "runs",
    runs,
    events,
    get recovered() {
      return recovered;
    },
    async start() {
      recovered = await runs.recover();
    },
    drain: (timeoutMs) => runs.drain(timeoutMs),
  };
}

function runSettings({ agent, approvals, llm, server, responses, runs }: Settings) {
  return {
    retention: { responsesMs: responses.retention_days * DAY_MS, runsMs: runs.retention_days * DAY_MS },
    limits: {
      maxSteps: agent.max_steps,
      maxRunMs: agent.max_run_seconds * 1000,
      contextTokens: llm.context_length,
      maxOutputTokens: agent.max_output_tokens,
    },
    approvalTimeoutMs: approvals.timeout_seconds * 1000,
    maxConcurrent: server.max_concurrent_runs,
    maxQueued: server.max_queued_runs,
    upstreamStream: llm.upstream_stream,
    previousNotFound: missingPreviousKind(server),
    historyOutputChars: server.history_tool_output_max_chars,
    ephemeralPrompt: agent.ephemeral_system_prompt,
  };
}

/** Returns what a previous response that is not there makes of a request, as the setting says. */
export function missingPreviousKind({
  previous_response_not_found_status: status,
}: Settings["server"]): "invalid" | "missing" {
  return status === 404 ? "missing" : "invalid";
}
