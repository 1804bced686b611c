import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Writes files below a home, by path. */
export async function writeFiles(home: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), text);
  }
}

/** The text of a SKILL.md. */
export function skillFile(name: string, text: string, description = `About ${name}`): string {
  return `---\nname: ${name}\ndescription: ${description}\nversion: 1.0.0\n---\n\n${text}\n`;
}
