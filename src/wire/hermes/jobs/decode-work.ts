import type { WorkChanges } from "../../../domain/job.ts";
import type { JobPatch } from "./schema.ts";

/** What a request says of a job's work: null clears a part, undefined leaves it as it is. */
export function decodeWork(request: JobPatch): WorkChanges {
  const { limits } = request;
  return withoutUndefined({
    prompt: request.prompt,
    model: request.model,
    provider: request.provider,
    reasoningEffort: request.reasoning_effort,
    toolsets: request.enabled_toolsets,
    session: request.attach_to_session,
    skills: toList(request.skills === undefined ? request.skill : request.skills),
    contextFrom: toList(request.context_from),
    script: nothing(request.script),
    // As it is without saying so.
    noAgent: request.no_agent === false ? null : request.no_agent,
    workdir: nothing(request.workdir),
    limits:
      limits &&
      withoutUndefined({
        maxSteps: limits.max_steps,
        maxRunMs: secondsToMs(limits.max_seconds),
        maxTokens: limits.max_tokens,
      }),
  });
}

/** Seconds as ms; what is not spoken of, or cleared, stays so. */
export function secondsToMs(seconds: number | null | undefined): number | null | undefined {
  return typeof seconds === "number" ? Math.round(seconds * 1000) : seconds;
}

/** The reference's clients send an empty text where they mean none. */
function nothing(text: string | null | undefined): string | null | undefined {
  return text === "" ? null : text;
}

/** One, or a list of them, each once; none at all is as null. */
function toList(field: string | readonly string[] | null | undefined): string[] | null | undefined {
  if (field === undefined || field === null) return field;
  const names = typeof field === "string" ? [field] : field;
  const said = [...new Set(names)].filter((name) => name !== "");
  return said.length === 0 ? null : said;
}

type Spoken<Fields> = { [Field in keyof Fields]?: Exclude<Fields[Field], undefined> };

function withoutUndefined<Fields extends object>(fields: Fields): Spoken<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Spoken<Fields>;
}
