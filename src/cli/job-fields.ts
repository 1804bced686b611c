import type { ParseArgsOptionsConfig } from "node:util";
import type { Given } from "./command.ts";
import { EXIT, StartError } from "./failure.ts";

/** An option of a job, and the field of the API that it sets; a dot leads into an object. */
interface Field {
  field: string;
  kind: "text" | "number" | "flag" | "list" | "count";
}

const field = (name: string, kind: Field["kind"] = "text"): Field => ({ field: name, kind });

/** The server checks what they say. */
const FIELDS: Readonly<Record<string, Field>> = {
  name: field("name"),
  prompt: field("prompt"),
  schedule: field("schedule"),
  timezone: field("timezone"),
  model: field("model"),
  provider: field("provider"),
  "reasoning-effort": field("reasoning_effort"),
  toolset: field("enabled_toolsets", "list"),
  skill: field("skills", "list"),
  script: field("script"),
  "no-agent": field("no_agent", "flag"),
  "context-from": field("context_from", "list"),
  workdir: field("workdir"),
  session: field("attach_to_session"),
  deliver: field("deliver", "list"),
  "failure-deliver": field("failure_deliver", "list"),
  repeat: field("repeat", "count"),
  misfire: field("misfire.policy"),
  grace: field("misfire.grace", "number"),
  overlap: field("overlap"),
  jitter: field("jitter", "number"),
  retries: field("retry.attempts", "number"),
  "max-failures": field("max_failures", "number"),
  "max-steps": field("limits.max_steps", "number"),
  "max-seconds": field("limits.max_seconds", "number"),
  "max-tokens": field("limits.max_tokens", "number"),
};

/** The options that say what a job is; `clear` takes a field's value away. */
export const FIELD_OPTIONS: ParseArgsOptionsConfig = {
  ...Object.fromEntries(
    Object.entries(FIELDS).map(([name, { kind }]) => [
      name,
      { type: kind === "flag" ? "boolean" : "string", ...(kind === "list" && { multiple: true }) },
    ]),
  ),
  clear: { type: "string", multiple: true },
};

/** What the options say of a job, as the API takes it. @throws StartError for what is no number, or no field. */
export function readJobFields({ values }: Given): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const set = (path: string, value: unknown) => {
    const [outer = "", inner] = path.split(".");
    fields[outer] = inner === undefined ? value : { ...(fields[outer] as object), [inner]: value };
  };
  for (const [option, { field: path, kind }] of Object.entries(FIELDS)) {
    const value = values[option];
    if (value !== undefined) set(path, readOption(option, kind, value));
  }
  for (const option of [values["clear"] ?? []].flat().map(String)) {
    const known = Object.hasOwn(FIELDS, option) ? FIELDS[option] : undefined;
    if (known === undefined) throw new StartError(`--clear ${option}: there is no such option.`, EXIT.usage);
    set(known.field, null);
  }
  return fields;
}

function readOption(option: string, kind: Field["kind"], value: unknown): unknown {
  if (kind === "count" && !/^[\d.-]+$/.test(String(value))) return value;
  if (kind !== "number" && kind !== "count") return value;
  const number = Number(value);
  if (String(value).trim() === "" || !Number.isFinite(number))
    throw new StartError(`--${option} must be a number, not ${JSON.stringify(value)}.`, EXIT.usage);
  return number;
}
