import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";

/** Which core is whose, and the machine in general words: a table goes into the guide, host names do not. */
export interface Machine {
  /** Undefined when nothing can be pinned. */
  cores: { target: number; load: number } | undefined;
  description: string;
  /** What makes these numbers weaker than they could be. */
  notes: string[];
}

function readSystem(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** `0-2,5` → 0, 1, 2, 5. */
function parseCpuList(list: string): number[] {
  return list
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** Two cores that this process may use and that are not two threads of one; the load gets the lower, which serves more interrupts. */
function chooseCores(notes: string[]): Machine["cores"] {
  if (spawnSync("taskset", ["--version"]).error !== undefined) {
    notes.push(
      "No taskset here: processes are not pinned, and their CPU caches and turns are left to chance.",
    );
    return undefined;
  }
  const allowed = parseCpuList(
    /^Cpus_allowed_list:\s*(.*)$/m.exec(readSystem("/proc/self/status"))?.[1] ?? "",
  );
  const [load, second] = allowed;
  if (load === undefined || second === undefined) {
    notes.push(
      "Only one core here: target, generator and upstream share it, so req/s says little; CPU times hold.",
    );
    return undefined;
  }
  const siblings = parseCpuList(
    readSystem(`/sys/devices/system/cpu/cpu${load}/topology/thread_siblings_list`),
  );
  const apart = allowed.findLast((core) => core !== load && !siblings.includes(core));
  if (apart === undefined) notes.push("The two cores are threads of one core: each slows the other.");
  return { load, target: apart ?? second };
}

function noteLimits(notes: string[]): void {
  if (process.platform !== "linux") {
    notes.push("CPU and memory are read from /proc, which this system has not: those rows are empty.");
  }
}

/** How many files a process may open; a held stream takes two of the target's. */
export function openFilesLimit(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readSystem("/proc/self/limits"))?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}

export function examineMachine(): Machine {
  const notes: string[] = [];
  const cores = chooseCores(notes);
  noteLimits(notes);
  const cpu = os.cpus()[0]?.model.trim().replace(/\s+/g, " ") ?? os.arch();
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GB`;
  const virtual = /^flags.*\bhypervisor\b/m.test(readSystem("/proc/cpuinfo")) ? ", virtual machine" : "";
  const count = os.availableParallelism();
  const description = `${count} ${count === 1 ? "core" : "cores"} (${cpu}), ${memory}${virtual}, ${os.type()}, Node ${process.versions.node}`;
  return { cores, description, notes };
}
