import { hash, randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError } from "./error.ts";
import { readHomeFile, whyNot } from "./home-file.ts";
import type { Config } from "./load.ts";
import type { Home } from "./profile.ts";

const DIGEST = /^[0-9a-f]{64}$/;

function fileIn({ path }: Pick<Home, "path">): string {
  return join(path, "keys", "operator-key.sha256");
}

/**
 * Makes a new operator key, which takes the place of any former one at the next start. The home keeps its digest alone:
 * whoever reads every file and process of the server's user has not read the key.
 * @throws ConfigError when the digest cannot be stored.
 */
export function makeOperatorKey(home: Pick<Home, "path">): string {
  const key = `hermes-operator-${randomBytes(32).toString("base64url")}`;
  const file = fileIn(home);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, `${hash("sha256", key)}\n`, { mode: 0o600 });
    renameSync(temporary, file);
  } catch (error) {
    throw new ConfigError(`${file} cannot be written (${whyNot(error)}).`);
  }
  return key;
}

/**
 * The digest (SHA-256, hex) of the key that answers to approvals need; undefined where the configuration asks for none.
 * @throws ConfigError when it asks for one and there is none, or it cannot be read.
 */
export function operatorKeyDigest({ home, settings }: Pick<Config, "home" | "settings">): string | undefined {
  if (!settings.approvals.require_operator_key) return undefined;
  const digest = readHomeFile(fileIn(home))?.trim() ?? "";
  if (DIGEST.test(digest)) return digest;
  throw new ConfigError(
    `approvals.require_operator_key is on, and ${home.path} has no operator key. Make one: hermes operator-key`,
  );
}
