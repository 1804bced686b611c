import { parse as parseYaml } from "yaml";
import { isJsonObject, type JsonObject, withoutNulls } from "../lib/json.ts";
import { ConfigError } from "./error.ts";
import { readHomeFile } from "./home-file.ts";
import { Settings } from "./schema.ts";

/** Settings as they are written, by our sections. */
export type RawSettings = Record<Section, JsonObject> & { workspace?: unknown; timezone?: unknown };

/** A group of settings. */
export type Section = Exclude<keyof Settings, Single>;
/** Settings that stand alone. */
type Single = "workspace" | "timezone";
const SINGLE: readonly Single[] = ["workspace", "timezone"];

/** What config.yaml says. */
interface YamlSettings {
  raw: RawSettings;
  /** Where the section of the HTTP server stands. */
  serverPath: string;
  /** The names of sections that belong to other programs. */
  foreign: readonly string[];
}

/** The server's section stands elsewhere. */
const OUR_SECTIONS = Settings.keyof().options.filter(
  (name): name is Exclude<Section, "server"> =>
    name !== "server" && !SINGLE.some((single) => single === name),
);

/**
 * Reads config.yaml; a file that does not exist says nothing.
 * @throws ConfigError when it cannot be read, is no YAML, or has something else where a section belongs.
 */
export function readYaml(file: string): YamlSettings {
  const { gateway, platforms, workspace, timezone, ...rest } = parseFile(file);
  const { path: serverPath, settings: server } = serverSection(file, { gateway, platforms });
  // A setting with nothing after its colon is an unset one.
  const sections = OUR_SECTIONS.map(
    (name) => [name, withoutNulls(sectionAt(file, name, rest[name]))] as const,
  );
  const raw = {
    server,
    ...Object.fromEntries(sections),
    ...withoutNulls({ workspace, timezone }),
  } as RawSettings;
  renameSetting(raw.agent, "max_turns", "max_steps");
  renameSetting(raw.approvals, "unattended_mode", "unattended");
  const foreign = Object.keys(rest).filter((name) => !OUR_SECTIONS.some((section) => section === name));
  return { raw, serverPath, foreign };
}

function parseFile(file: string): JsonObject {
  const text = readHomeFile(file) ?? "";
  let value: unknown;
  try {
    value = parseYaml(text, { logLevel: "error" }) ?? {};
  } catch (error) {
    // Only the first line: after it comes a piece of the file, which may hold a key.
    const [reason = ""] = (error as Error).message.split("\n");
    throw new ConfigError(`${file} is not valid YAML: ${reason.replace(/:$/, "")}.`);
  }
  if (!isJsonObject(value)) throw new ConfigError(`${file} must hold sections of settings.`);
  return value;
}

/** The reference's three places for the section; the first that exists is taken. */
const SERVER_PLACES = [
  ["gateway", "api_server"],
  ["gateway", "platforms", "api_server"],
  ["platforms", "api_server"],
] as const;

/** With or without `extra`, in which the reference also keeps settings. */
function serverSection(file: string, root: JsonObject): { path: string; settings: JsonObject } {
  sectionAt(file, "gateway", root["gateway"]);
  for (const place of SERVER_PLACES) {
    const at = (value: unknown, key: string) => (isJsonObject(value) ? value[key] : undefined);
    const section = place.reduce<unknown>(at, root);
    if (section === undefined || section === null) continue;
    const path = place.join(".");
    const { extra, ...plain } = sectionAt(file, path, section);
    const more = withoutNulls(sectionAt(file, `${path}.extra`, extra));
    return { path, settings: { ...more, ...withoutNulls(plain) } };
  }
  return { path: SERVER_PLACES[0].join("."), settings: {} };
}

function sectionAt(file: string, path: string, value: unknown): JsonObject {
  const section = value ?? {};
  if (!isJsonObject(section)) throw new ConfigError(`${file}: ${path} must be a section of settings.`);
  return section;
}

/** The reference's name for a setting, where ours is not given too. */
function renameSetting(section: JsonObject, theirs: string, ours: string): void {
  if (!(theirs in section)) return;
  section[ours] ??= section[theirs];
  delete section[theirs];
}
