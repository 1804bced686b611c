import { openModels } from "../app/models.ts";
import { type LoadOptions, loadConfig } from "../config/load.ts";

/**
 * Prints the models that the configured upstream offers, one a line, for choosing LLM_MODEL.
 * @throws Error with one line for the user when the upstream cannot be asked.
 */
export async function printModels(options: LoadOptions): Promise<void> {
  const { models } = openModels({ config: loadConfig(options) });
  const { upstream, reason } = await models.default();
  process.stderr.write(
    `${upstream.name} at ${upstream.baseUrl === "" ? "home" : upstream.baseUrl} (${reason})\n`,
  );
  const ids = await upstream.protocol.listModels(upstream);
  for (const id of ids.sort()) {
    process.stdout.write(`${id}${id === upstream.model ? "   (in use)" : ""}\n`);
  }
}
