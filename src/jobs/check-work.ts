import { ApiError, invalidRequest } from "../domain/error.ts";
import type { JobWork, WorkChanges } from "../domain/job.ts";
import { checkSessionId } from "../sessions/session-id.ts";

/** What a job's work is checked against. */
export interface WorkTerms {
  toolsets: ReadonlySet<string>;
  /** @throws ApiError 400 for what is no directory of the workspace. */
  checkWorkdir(path: string): void;
  /** Finds what serves a model. @throws ApiError 400 for one that cannot be; anything else when that cannot be told now. */
  resolve(ask: Pick<JobWork, "model" | "provider">): Promise<unknown>;
}

/** Refuses what of a job's work cannot be done, when it is made or changed: when it is due nobody is there. */
export class WorkCheck {
  readonly #terms: WorkTerms;

  constructor(terms: WorkTerms) {
    this.#terms = terms;
  }

  /**
   * Checks what is new in a job's work, which is given as it will be.
   * @throws ApiError 400 naming the field.
   */
  async check(changes: WorkChanges, { model, provider }: JobWork): Promise<void> {
    const { toolsets, session, workdir } = changes;
    this.#checkToolsets(toolsets ?? []);
    if (session) checkSessionId(session, { param: "attach_to_session" });
    if (workdir) this.#terms.checkWorkdir(workdir);
    if (changes.model || changes.provider) {
      const ask = { ...(model !== undefined && { model }), ...(provider !== undefined && { provider }) };
      await this.#checkModel(ask);
    }
  }

  #checkToolsets(names: readonly string[]): void {
    const { toolsets } = this.#terms;
    const unknown = names.find((name) => !toolsets.has(name));
    if (unknown === undefined) return;
    const message = `There is no toolset ${JSON.stringify(unknown)}. There are: ${[...toolsets].join(", ")}.`;
    throw invalidRequest("enabled_toolsets", message);
  }

  /** An upstream that does not answer just now is no reason to refuse a job. */
  async #checkModel(ask: Pick<JobWork, "model" | "provider">): Promise<void> {
    try {
      await this.#terms.resolve(ask);
    } catch (error) {
      if (error instanceof ApiError && error.failure.status === 400) throw error;
    }
  }
}
