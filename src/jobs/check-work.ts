import { ApiError, invalidRequest } from "../domain/error.ts";
import { errorKind } from "../domain/error-codes.ts";
import type { JobWork, WorkChanges } from "../domain/job.ts";
import { quoted } from "../lib/text.ts";
import { checkSessionId } from "../sessions/session-id.ts";
import type { Skills } from "../skills/skills.ts";
import type { JobStore } from "../storage/job-store.ts";
import type { Scripts } from "./execution/scripts.ts";

/** What a job's work is checked against. */
interface WorkTerms {
  /** The names of the current toolsets. */
  toolsets(): readonly string[];
  skills: Skills;
  scripts: Pick<Scripts, "command">;
  store: Pick<JobStore, "findJob">;
  /** @throws ApiError 400 for a path that is not a directory of the workspace. */
  checkWorkdir(path: string): void;
  /** Resolves a model. @throws ApiError 400 for an invalid one; anything else when that cannot be decided now. */
  resolve(ask: Pick<JobWork, "model" | "provider">): Promise<unknown>;
}

/** A job whose work is checked. */
interface CheckedJob {
  owner: string;
  /** Undefined for a job that does not exist yet. */
  id?: string | undefined;
  /** The work after the change. */
  work: JobWork;
}

/** How many skills a refusal names. */
const MAX_NAMED = 50;

/** Refuses work that cannot be done when the job is created or changed, because nobody is there when it is due. */
export class WorkCheck {
  readonly #terms: WorkTerms;

  constructor(terms: WorkTerms) {
    this.#terms = terms;
  }

  /**
   * Checks the parts of a job's work that are new.
   * @throws ApiError 400 with the field.
   */
  async check(changes: WorkChanges, { owner, id, work }: CheckedJob): Promise<void> {
    const { toolsets, session, workdir } = changes;
    const { model, provider } = work;
    this.#checkToolsets(toolsets ?? []);
    if (session) checkSessionId(session, { param: "attach_to_session" });
    if (workdir) this.#terms.checkWorkdir(workdir);
    if (changes.script) await this.#terms.scripts.command(changes.script);
    await this.#checkSkills(changes.skills ?? []);
    await this.#checkContext(changes.contextFrom ?? [], { owner, id });
    if (changes.model || changes.provider) {
      const ask = { ...(model !== undefined && { model }), ...(provider !== undefined && { provider }) };
      await this.#checkModel(ask);
    }
  }

  #checkToolsets(names: readonly string[]): void {
    const toolsets = this.#terms.toolsets();
    const unknown = names.find((name) => !toolsets.includes(name));
    if (unknown === undefined) return;
    const message = `There is no toolset ${quoted(unknown)}. There are: ${toolsets.join(", ")}.`;
    throw invalidRequest("enabled_toolsets", message);
  }

  async #checkSkills(names: readonly string[]): Promise<void> {
    const { skills } = this.#terms;
    const missing = (await skills.readAll(names)).indexOf(undefined);
    if (missing === -1) return;
    const known = (await skills.list()).map(({ name }) => name).slice(0, MAX_NAMED);
    const there = known.length === 0 ? "There are none." : `There are: ${known.join(", ")}.`;
    throw invalidRequest("skills", `There is no skill ${quoted(names[missing] ?? "")}. ${there}`);
  }

  async #checkContext(
    ids: readonly string[],
    { owner, id }: Pick<CheckedJob, "owner" | "id">,
  ): Promise<void> {
    for (const other of ids) {
      if (other === id) throw invalidRequest("context_from", "A job cannot read its own results.");
      if ((await this.#terms.store.findJob(other, owner)) === undefined)
        throw invalidRequest("context_from", `'context_from' names no job of yours: ${quoted(other)}.`);
    }
  }

  /** An upstream that does not answer at the moment is no reason to refuse a job. */
  async #checkModel(ask: Pick<JobWork, "model" | "provider">): Promise<void> {
    try {
      await this.#terms.resolve(ask);
    } catch (error) {
      if (error instanceof ApiError && errorKind(error.failure) === "invalid") throw error;
    }
  }
}
