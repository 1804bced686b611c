import { toFailure } from "../agent/failure.ts";
import { ApiError } from "../domain/error.ts";
import { ProviderError } from "../providers/provider.ts";
import type { ModelQuestion, Models, Target } from "../providers/resolve.ts";

/** Returns what serves a choice of model. @throws ApiError 400 for a model or provider that cannot be, or as the upstream failed. */
export async function resolveModel(models: Models, ask: ModelQuestion): Promise<Target> {
  try {
    const [target] = await models.resolve(ask);
    return target;
  } catch (error) {
    // An upstream that must be asked for its models can fail like any model call.
    throw error instanceof ProviderError ? new ApiError(toFailure(error)) : error;
  }
}
