import { basename, dirname, join, sep } from "node:path";
import { parse as parseYaml } from "yaml";
import type { FoundFile, Place, Reader } from "../files/reader.ts";
import { isJsonObject, type JsonObject } from "../lib/json.ts";
import { firstLine } from "../lib/text.ts";

/** A skill as lists show it. */
interface SkillEntry {
  name: string;
  /** One line. */
  description: string;
  /** The folders that it lies in; null at the top. */
  category: string | null;
}

/** How something is done, as a SKILL.md says it. */
interface Skill extends SkillEntry {
  /** What follows the front matter. */
  text: string;
  /** The real path of its directory. */
  directory: string;
}

const FILE = "SKILL.md";
/** A longer file is no skill: nothing could read it whole. */
const MAX_FILE_BYTES = 200_000;
/** Front matter ends before that. */
const MAX_HEAD_BYTES = 16_384;
const MAX_SKILLS = 1_000;
const MAX_DEPTH = 5;
const MAX_NAME_CHARS = 128;
const MAX_DESCRIPTION_CHARS = 1_024;
const FRONT_MATTER = /^\ufeff?---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)/s;

/**
 * The skills of a home, `skills/…/<name>/SKILL.md` with YAML front matter. What a symbolic link leads out to is none of
 * them, nor is what cannot be read; the disk is looked at each time, for people change them while the server runs.
 */
export class Skills {
  readonly #root: string;
  readonly #reader: Reader;

  /** @param root The directory that holds them; it need not exist. */
  constructor(root: string, reader: Reader) {
    this.#root = root;
    this.#reader = reader;
  }

  /** All of them by category and name; of two with one name the first. */
  async list(): Promise<SkillEntry[]> {
    const found = await this.#all();
    return found.map(({ name, description, category }) => ({ name, description, category }));
  }

  /** A skill by the name that its front matter or its directory has; undefined: there is none. */
  async read(name: string): Promise<Skill | undefined> {
    const [skill] = await this.readAll([name]);
    return skill;
  }

  /** Skills as `read` gives them, in the order of their names, with one look at the disk. */
  async readAll(names: readonly string[]): Promise<(Skill | undefined)[]> {
    const all = names.length === 0 ? [] : await this.#all();
    return Promise.all(names.map((name) => this.#skill(all, name)));
  }

  async #all(): Promise<Found[]> {
    const byName = new Map<string, Found>();
    for (const file of (await this.#files("", 0)).slice(0, MAX_SKILLS)) {
      const skill = await this.#found(file);
      if (skill !== undefined && !byName.has(skill.name)) byName.set(skill.name, skill);
    }
    return [...byName.values()].sort(
      (a, b) => compare(a.category ?? "", b.category ?? "") || compare(a.name, b.name),
    );
  }

  /** The paths of SKILL.md files, relative to the root; below a skill there is no other. */
  async #files(directory: string, depth: number): Promise<string[]> {
    const entries = (await this.#reader.entries(this.#at(directory))).sort((a, b) => compare(a.name, b.name));
    if (entries.some(({ name }) => name === FILE)) return [join(directory, FILE)];
    if (depth === MAX_DEPTH) return [];
    const files: string[] = [];
    for (const entry of entries) {
      const inner = join(directory, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith("."))
        files.push(...(await this.#files(inner, depth + 1)));
      // A link may be a skill; what lies further down could lead round in circles.
      if (entry.isSymbolicLink()) files.push(join(inner, FILE));
    }
    return files;
  }

  async #found(file: string): Promise<Found | undefined> {
    const head = await this.#read(file, MAX_HEAD_BYTES);
    if (head === undefined) return undefined;
    const { name, description } = frontMatter(FRONT_MATTER.exec(head.text)?.[1] ?? "");
    const directory = dirname(file);
    const category = dirname(directory);
    return {
      name: readName(name) ?? basename(directory),
      description: typeof description === "string" ? firstLine(description, MAX_DESCRIPTION_CHARS) : "",
      category: category === "." ? null : category.split(sep).join("/"),
      file,
      directory: dirname(head.real),
    };
  }

  async #skill(all: readonly Found[], name: string): Promise<Skill | undefined> {
    const found =
      all.find((skill) => skill.name === name) ?? all.find(({ directory }) => basename(directory) === name);
    const whole = found && (await this.#read(found.file, MAX_FILE_BYTES));
    if (found === undefined || whole === undefined) return undefined;
    const { file, ...entry } = found;
    const { text, real } = whole;
    return { ...entry, text: text.replace(FRONT_MATTER, "").trim(), directory: dirname(real) };
  }

  /** The beginning of a file that is not too long to be a skill's. */
  #read(file: string, firstBytes: number): Promise<FoundFile | undefined> {
    return this.#reader.find(this.#at(file), { maxBytes: MAX_FILE_BYTES, firstBytes });
  }

  #at(name: string): Place {
    return { within: this.#root, name };
  }
}

/** A skill, the path of its file below the root, and the real path of its directory. */
type Found = SkillEntry & { file: string; directory: string };

function frontMatter(yaml: string): JsonObject {
  try {
    const fields: unknown = parseYaml(yaml, { logLevel: "error" });
    return isJsonObject(fields) ? fields : {};
  } catch {
    return {};
  }
}

function readName(name: unknown): string | undefined {
  const text = typeof name === "string" ? name.trim() : "";
  return text === "" || text.length > MAX_NAME_CHARS ? undefined : text;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
