import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Client } from "./client.ts";
import type { Command } from "./command.ts";
import { EXIT, StartError } from "./failure.ts";
import { table } from "./print.ts";

/** What the server says of one job of the file. */
interface ImportedJob {
  index: number;
  id: string | null;
  name: string | null;
  result: string;
  state: string | null;
  reason: string | null;
  differences: { param: string; reason: string }[];
}

/** `hermes jobs import <file>`: ends with 1 when a job of the file was refused; the others are there then. */
export const importJobs: Command = {
  usage: "<file>",
  options: { "dry-run": { type: "boolean" }, force: { type: "boolean" }, json: { type: "boolean" } },
  run: async ({ options, args: [file = ""], values }) => {
    const body = await jobsIn(resolve(options.cwd ?? process.cwd(), file));
    const query = new URLSearchParams({
      dry_run: String(values["dry-run"] === true),
      force: String(values["force"] === true),
    });
    const answer = await new Client(options).ask<{ data: ImportedJob[] }>(`/v1/jobs/import?${query}`, {
      body,
    });
    const { data } = answer;
    process.stdout.write(
      values["json"] === true ? `${JSON.stringify(answer, undefined, 2)}\n` : formatImport(data),
    );
    const refused = data.filter(({ result }) => result === "refused").length;
    if (refused > 0) throw new StartError(`${refused} of ${data.length} jobs were refused.`, EXIT.failure);
  },
};

/** @throws StartError when the file cannot be read, or is no JSON. */
async function jobsIn(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new StartError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, EXIT.failure);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new StartError(`${file} is no JSON.`, EXIT.failure);
  }
}

function formatImport(jobs: readonly ImportedJob[]): string {
  if (jobs.length === 0) return "There are no jobs in it.\n";
  const rows = jobs.map(({ index, id, name, result, state, reason, differences }) => {
    const why = [reason, ...differences.map((difference) => `${difference.param}: ${difference.reason}`)];
    return [result, id ?? `number ${index + 1}`, state ?? "-", name ?? "-", why.filter(Boolean).join(" ")];
  });
  return table(["RESULT", "ID", "STATE", "NAME", "WHAT TO KNOW"], rows);
}
