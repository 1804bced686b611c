import { resolveModel } from "../context/target.ts";
import { ApiError, conflict, invalidRequest } from "../domain/error.ts";
import type { ModelLock, Session } from "../domain/session.ts";
import type { Models } from "../providers/resolve.ts";
import type { SessionCatalog } from "./catalog.ts";

/** What the models of sessions need. */
interface SessionModelsDeps {
  models: Models;
  catalog: SessionCatalog;
}

/** The model of a session's turns. */
interface SessionModel {
  provider: string;
  model: string;
  /** Undefined: each request chooses the model. */
  lock: ModelLock | undefined;
}

/**
 * The models that sessions are locked to. A lock is checked when it is created: a model that is not available is
 * never locked.
 */
export class SessionModels {
  readonly #deps: SessionModelsDeps;

  constructor(deps: SessionModelsDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the model for turns with this choice. The default's name, and `default`, are no choice.
   * @throws ApiError 400 for a provider that is not configured or contradicts the model; the upstream's failure when
   * it is asked for its models.
   */
  async resolve(choice: ModelLock): Promise<SessionModel> {
    const { models } = this.#deps;
    const { model, provider } = choice;
    const target = await resolveModel(models, { model, provider, isChosen: true });
    const isDefault = provider === undefined && (model === undefined || isDefaultName(model, models.name));
    const lock = isDefault && choice.settings === undefined ? undefined : choice;
    return { provider: target.provider.name, model: target.model, lock };
  }

  /** Locks a session to a model, or removes its lock if the default is chosen. @throws ApiError as `resolve`. */
  async lock({ id, owner }: { id: string; owner: string }, choice: ModelLock): Promise<SessionModel> {
    const found = await this.resolve(choice);
    await this.#deps.catalog.change(id, owner, { lock: found.lock ?? null });
    return found;
  }

  /**
   * Makes sure that a session's turn uses a chosen model: the request's, to which the session is then locked, or the
   * session's own.
   * @throws ApiError 400 when neither chooses one, 409 when it is not available.
   */
  async ensure(session: Session, choice: ModelLock | undefined): Promise<ModelLock | undefined> {
    const wanted = choice ?? session.lock;
    if (wanted === undefined) throw missingModel();
    try {
      const { lock } = choice === undefined ? await this.resolve(wanted) : await this.lock(session, wanted);
      return lock;
    } catch (error) {
      if (error instanceof ApiError && error.failure.code !== "session_not_found")
        throw lockUnavailable(error);
      throw error;
    }
  }
}

function isDefaultName(model: string, name: string): boolean {
  return model === name || model === "default";
}

/** 400: a lock without a model or provider. */
export function missingModel(): ApiError {
  return invalidRequest("model", "Missing required parameter: 'model' or 'provider'.", "missing_model");
}

function lockUnavailable({ failure }: ApiError): ApiError {
  return conflict("model_lock_unavailable", failure.message, failure.param ?? "model");
}
