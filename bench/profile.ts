import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RESULTS_DIR, type Target } from "./targets.ts";

const HOOK = path.join(import.meta.dirname, "profile-hook.ts");
const WRITE_TIMEOUT_MS = 20_000;
const TOP = 25;

/** Records the server's CPU profile while one row is measured. */
export class Profiler {
  readonly file: string;
  readonly nodeOptions: string[] = ["--import", HOOK];
  readonly env: Record<string, string>;

  constructor(rowId: string) {
    mkdirSync(RESULTS_DIR, { recursive: true });
    this.file = path.join(RESULTS_DIR, `${rowId}.cpuprofile`);
    rmSync(this.file, { force: true });
    this.env = { BENCH_PROFILE_FILE: this.file };
  }

  async begin(target: Target): Promise<void> {
    process.kill(target.pid, "SIGUSR2");
    await sleep(300);
  }

  async end(target: Target): Promise<void> {
    process.kill(target.pid, "SIGUSR2");
    const until = performance.now() + WRITE_TIMEOUT_MS;
    while (!existsSync(this.file)) {
      if (performance.now() > until) throw new Error("The target wrote no profile.");
      await sleep(50);
    }
  }
}

interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

function frameName(frame: CpuProfile["nodes"][number]["callFrame"]): string {
  const where = frame.url
    .replace(/^.*\/node_modules\//, "")
    .split("/")
    .slice(-3)
    .join("/");
  return `${frame.functionName || "(anonymous)"}${where === "" ? "" : `  ${where}:${frame.lineNumber + 1}`}`;
}

/** The functions that used most time by themselves, as shares of the time in which the process worked. */
export function summarizeProfile(file: string): string {
  const profile: CpuProfile = JSON.parse(readFileSync(file, "utf8"));
  const names = new Map(profile.nodes.map((node) => [node.id, frameName(node.callFrame)]));
  const selfUs = new Map<string, number>();
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id) ?? "?";
    selfUs.set(name, (selfUs.get(name) ?? 0) + (profile.timeDeltas[i] ?? 0));
  }
  selfUs.delete("(idle)");
  const total = [...selfUs.values()].reduce((sum, each) => sum + each, 0);
  const lines = [...selfUs]
    .sort((a, b) => b[1] - a[1])
    .slice(0, TOP)
    .map(([name, us]) => `${((us / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
  return `Self time of ${(total / 1e6).toFixed(1)} s of work:\n${lines.join("\n")}`;
}
