import { randomBytes } from "node:crypto";
import { keepInEnvFile } from "./env-file.ts";
import { whyNot } from "./home-file.ts";
import type { Config } from "./load.ts";

/** The variable of `jobs.webhook_secret`. */
const WEBHOOK_SECRET = "JOBS_WEBHOOK_SECRET";
const SECRET_BYTES = 32;

/**
 * The configuration with a secret that webhooks are signed with: the configured one, else a new one, which is stored in the
 * home's `.env` as the API key is. Where it cannot be stored there is none, and a warning says so.
 */
export function withWebhookSecret(config: Config): Config {
  const { settings, home, warnings } = config;
  if (settings.jobs.webhook_secret !== undefined) return config;
  try {
    const made = `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
    const jobs = { ...settings.jobs, webhook_secret: keepInEnvFile(home.envFile, WEBHOOK_SECRET, made) };
    return { ...config, settings: { ...settings, jobs } };
  } catch (error) {
    const cure = `Set ${WEBHOOK_SECRET}; until then jobs deliver to no webhook.`;
    const warning = `A secret for webhooks cannot be stored in ${home.envFile} (${whyNot(error)}). ${cure}`;
    return { ...config, warnings: [...warnings, warning] };
  }
}
