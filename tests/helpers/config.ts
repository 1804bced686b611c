import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { ConfigError } from "../../src/config/error.ts";
import { type Config, type LoadOptions, loadConfig } from "../../src/config/load.ts";
import { temporaryDirectory } from "./directory.ts";

/** What a configuration is read from. */
export interface ConfigSources {
  /** The text of config.yaml. */
  yaml?: string;
  /** The text of the home's `.env`. */
  env?: string;
  variables?: Record<string, string>;
  flags?: Record<string, string>;
  profile?: string;
}

/** A new home with the files that are given. */
export async function home({ yaml, env, profile }: ConfigSources = {}): Promise<string> {
  const directory = await temporaryDirectory();
  const path = profile === undefined ? directory : join(directory, "profiles", profile);
  await mkdir(dirname(join(path, "x")), { recursive: true });
  if (yaml !== undefined) await writeFile(join(path, "config.yaml"), yaml);
  if (env !== undefined) await writeFile(join(path, ".env"), env);
  return directory;
}

/** Reads a configuration from a home and the rest of the sources; the process's own environment does not count. */
export function load(directory: string, { variables, flags, profile }: ConfigSources = {}): Config {
  const options: LoadOptions = {
    env: { HERMES_HOME: directory, ...variables },
    cwd: directory,
    ...(flags !== undefined && { flags }),
    ...(profile !== undefined && { profile }),
  };
  return loadConfig(options);
}

/** The configuration that the sources make. */
export async function configOf(sources: ConfigSources): Promise<Config> {
  return load(await home(sources), sources);
}

/** The one-line refusal of a configuration, with the home's path as `~`. @throws when it is not refused, or not so. */
export async function refusal(sources: ConfigSources, directory?: string): Promise<string> {
  const place = directory ?? (await home(sources));
  let refused: unknown;
  try {
    load(place, sources);
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(ConfigError);
  const { message } = refused as ConfigError;
  expect(message).not.toMatch(/\n\s+at |\n\n/);
  return message.replaceAll(place, "~");
}
