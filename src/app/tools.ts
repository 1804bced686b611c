import { homedir } from "node:os";
import type { Config } from "../config/load.ts";
import { ownDirectories, protectedPaths, resolveHome } from "../config/profile.ts";
import { createLocalSandbox, killLeftCommands } from "../sandbox/local.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { type OpenCatalog, openCatalog } from "../tools/catalog.ts";
import { createWorkspace } from "../tools/files/workspace.ts";
import type { Policy } from "../tools/judgement.ts";
import { loadTools, TOOLS_DIRECTORY } from "../tools/load.ts";
import { createJudge } from "../tools/policy.ts";
import type { PortMakers } from "../tools/ports.ts";
import type { ToolSource } from "../tools/source.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";

/** The tools that models may call, and the sandbox that commands run in. */
export interface ToolsPart extends Part {
  readonly catalog: OpenCatalog;
  readonly sandbox: Sandbox;
  /** Processes that a killed former server left running, and that were killed at the start. */
  readonly killed: number;
  /** Lets tools use more services. */
  offer(ports: PortMakers): void;
}

/** What tools are opened with. */
interface ToolsTerms {
  /** More tools than the server's own. */
  sources: readonly ToolSource[];
  /** Whether commands of a former process may still run. */
  wasKilled: boolean;
}

/** Loads the server's own tools. @throws Error when one of them cannot be used. */
export async function openTools(
  { config, log }: AppContext,
  { sources, wasKilled }: ToolsTerms,
): Promise<ToolsPart> {
  const home = resolveHome(config.home);
  const secrets = protectedPaths(config.home);
  const sandbox = createLocalSandbox({ env: config.environment, home });
  let makers: PortMakers = {};
  const catalog = openCatalog([await loadTools(TOOLS_DIRECTORY), ...sources], {
    workspace: await createWorkspace({ root: config.workspace, protectedPaths: secrets }),
    sandbox,
    policy: createPolicy(config, secrets),
    allowsUnattended: ({ job, byAgent }) => {
      const { unattended, cron_mode: ofJobs = unattended } = config.settings.approvals;
      const isAllowed = unattended === "approve";
      return job !== undefined ? ofJobs === "approve" && (byAgent !== true || isAllowed) : isAllowed;
    },
    portsFor: (...call) => ({
      get jobs() {
        return makers.jobs?.(...call);
      },
    }),
    warn: (message) => log.warn(message),
  });
  let killed = 0;
  return {
    name: "tools",
    catalog,
    sandbox,
    get killed() {
      return killed;
    },
    offer(ports) {
      makers = { ...makers, ...ports };
    },
    async start() {
      // Before an interrupted call is repeated or answered: a command that still runs may change something.
      if (wasKilled) killed = await killLeftCommands(home);
    },
  };
}

/** The policy's rules; with approvals off, what would ask is allowed, what is denied stays denied. */
function createPolicy(config: Config, secrets: readonly string[]): Policy {
  const judge = createJudge({
    home: homedir(),
    hermesHome: config.home.path,
    ownDirectories: ownDirectories(config.home),
    protectedPaths: secrets,
    workspaceRoot: config.workspace,
    pid: process.pid,
  });
  const off = config.settings.approvals.mode === "off";
  return (call) => {
    const verdict = judge(call);
    return off && verdict.verdict === "ask" ? { verdict: "allow" } : verdict;
  };
}
