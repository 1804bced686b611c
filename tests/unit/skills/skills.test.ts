import { execFileSync } from "node:child_process";
import { link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Skills } from "../../../src/skills/skills.ts";
import { readerOf } from "../../helpers/confined-reader.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { skillFile, writeFiles } from "../../helpers/home-files.ts";

/** Skills in a home with a directory beside it. */
async function open(files: Readonly<Record<string, string>>) {
  const base = await temporaryDirectory();
  await mkdir(join(base, "home/skills"), { recursive: true });
  await writeFiles(join(base, "home/skills"), files);
  return { base, root: join(base, "home/skills"), skills: new Skills(join(base, "home/skills"), readerOf()) };
}

describe("skills", () => {
  test("skills are listed by category and name, as their front matter says", async () => {
    const { skills } = await open({
      "web/scrape/SKILL.md": skillFile("scraper", "Scrape."),
      "web/browse/SKILL.md": skillFile("browse", "Browse.", "|\n  First line.\n  Second."),
      "plain/SKILL.md": "No front matter.",
      "broken/SKILL.md": "---\nname: [\n---\nText.",
      ".hidden/x/SKILL.md": skillFile("hidden", "x"),
      "web/scrape/references/SKILL.md": skillFile("inner", "x"),
      "notes/README.md": "No skill.",
    });
    expect(await skills.list()).toEqual([
      { name: "broken", description: "", category: null },
      { name: "plain", description: "", category: null },
      { name: "browse", description: "First line.", category: "web" },
      { name: "scraper", description: "About scraper", category: "web" },
    ]);
  });

  test("skills are read without their front matter, by their own name or their directory's", async () => {
    const { skills, root } = await open({
      "web/scrape/SKILL.md": skillFile("scraper", "Scrape.\n\n---\n\nMore."),
    });
    const skill = {
      name: "scraper",
      text: "Scrape.\n\n---\n\nMore.",
      directory: join(root, "web/scrape"),
    };
    expect(await skills.read("scraper")).toMatchObject(skill);
    expect(await skills.read("scrape")).toMatchObject(skill);
    expect(await skills.read("SCRAPER")).toBeUndefined();
  });

  test.each([
    "",
    "..",
    "../x",
    "/etc",
    "web",
    "a\0b",
    "constructor",
    ".",
  ])("skills have none named %j", async (name) => {
    const { skills } = await open({
      "web/scrape/SKILL.md": skillFile("scraper", "Scrape."),
      "../SKILL.md": skillFile("x", "Outside."),
    });
    expect(await skills.read(name)).toBeUndefined();
  });

  test("skills are found through links that stay inside, and through no others", async () => {
    const { base, root, skills } = await open({
      "web/scrape/SKILL.md": skillFile("scraper", "Scrape."),
      "../../outside/SKILL.md": skillFile("outside", "Not yours."),
    });
    await symlink(join(root, "web/scrape"), join(root, "linked"));
    await symlink(join(base, "outside"), join(root, "away"));
    await mkdir(join(root, "file"));
    await symlink(join(base, "outside/SKILL.md"), join(root, "file/SKILL.md"));
    await symlink(root, join(root, "web/round"));
    expect((await skills.list()).map(({ name }) => name)).toEqual(["scraper"]);
    expect(await skills.read("outside")).toBeUndefined();
    expect(await skills.read("file")).toBeUndefined();
  });

  test("skills that are too long, a FIFO or a directory are none", async () => {
    const { root, skills } = await open({ "long/SKILL.md": skillFile("long", "x".repeat(200_001)) });
    await mkdir(join(root, "directory/SKILL.md"), { recursive: true });
    await mkdir(join(root, "pipe"));
    execFileSync("mkfifo", [join(root, "pipe/SKILL.md")]);
    expect(await skills.list()).toEqual([]);
  });

  test("skills are no secrets under another name, and no circle of links holds their list up", async () => {
    const { base, root } = await open({ "mail/SKILL.md": skillFile("mail", "Write.") });
    const secret = join(base, "home/.env");
    await writeFile(secret, skillFile("secret", "SECRET"));
    await mkdir(join(root, "hard"));
    await link(secret, join(root, "hard/SKILL.md"));
    await symlink("round-2", join(root, "round-1"));
    await symlink("round-1", join(root, "round-2"));
    const skills = new Skills(root, readerOf([secret]));
    expect((await skills.list()).map(({ name }) => name)).toEqual(["mail"]);
    expect(await skills.read("secret")).toBeUndefined();
    const round = new Skills(join(root, "round-1"), readerOf());
    expect(await round.list()).toEqual([]);
  });

  test("skills are none where there is no directory", async () => {
    expect(await new Skills("/nowhere/skills", readerOf()).list()).toEqual([]);
  });
});
