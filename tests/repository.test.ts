import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, ROOT, textOf } from "./helpers/sources.ts";

const FILES = filesIn("");
const CODE = FILES.filter((file) => file.endsWith(".ts"));
const PROGRAM = CODE.filter((file) => /^(src|routes|tools)\//.test(file));
const PAGES = FILES.filter((file) => file.endsWith(".md"));

/** Every line of some files that fits, as `file:line: text`. */
function linesLike(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    textOf(file)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe("code", () => {
  it("no file has more than 400 lines, but the catalogue of error codes", () => {
    const length = (file: string) => textOf(file).trimEnd().split("\n").length;
    const measured = CODE.filter((file) => file !== "src/domain/error-codes.ts");
    expect(measured.filter((file) => length(file) > 400).map((file) => `${file}: ${length(file)}`)).toEqual(
      [],
    );
  });

  it("the environment is read in one place", () => {
    const lines = linesLike(PROGRAM, /process\s*\.\s*env\b|process\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/);
    expect(lines.map((line) => line.split(":")[0])).toEqual(["src/config/load.ts"]);
    expect(linesLike(PROGRAM, /from "node:process"/)).toEqual([]);
  });

  it("no module has a variable at its top level", () => {
    expect(linesLike(PROGRAM, /^(export )?(let|var) /)).toEqual([]);
  });

  it("no module has an empty container or an instance of ours at its top level, to be filled later", () => {
    const container = /^(export )?const \w+(: [^=]+)? = (new (Weak)?(Map|Set)(<.*>)?\(\)|\[\]|\{\});/;
    const lines = linesLike(PROGRAM, container).filter((line) => !/: Readonly(Set|Map|Array)</.test(line));
    expect(lines).toEqual([]);
    const known = "URL|RegExp|Set|Map|TextEncoder|TextDecoder|Intl\\.\\w+";
    expect(linesLike(PROGRAM, new RegExp(`^(export )?const \\w+(: [^=]+)? = new (?!(${known})\\b)`))).toEqual(
      [],
    );
  });

  it("everything is exported by name, and nothing re-exports a folder", () => {
    expect(linesLike(PROGRAM, /^export (default|\*)/)).toEqual([]);
    expect(PROGRAM.filter((file) => posix.basename(file) === "index.ts")).toEqual([]);
  });
});

describe("the tree", () => {
  it("names no path of a machine and no home of a person", () => {
    const places = [ROOT, ...(homedir().length > 1 ? [`${homedir()}/`] : [])].map((path) =>
      path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
    );
    // Before it may be anything that ends a word; /proc/self/root/ is no home.
    const pattern = new RegExp(`(?<![\\w./~-])(${places.join("|")}|/(work|Users|mnt)/\\w)`);
    expect(linesLike(FILES, pattern)).toEqual([]);
  });

  it("names no registry but npm's own, and no settings for one", () => {
    const lock = JSON.parse(textOf("package-lock.json")) as {
      packages: Record<string, { resolved?: string }>;
    };
    const hosts = Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? []);
    expect(hosts.filter((url) => !url.startsWith("https://registry.npmjs.org/"))).toEqual([]);
    expect(FILES.filter((file) => /(^|\/)(\.npmrc|\.yarnrc.*|pnpm-.*)$/.test(file))).toEqual([]);
  });

  it("the tree holds no key, database or environment of anybody", () => {
    expect(FILES.filter((file) => /(^|\/)\.env$|\.(db|sqlite|pem|key)$/.test(file))).toEqual([]);
  });

  it("what the issue asks for at the top is there", () => {
    const names =
      "package.json tsconfig.json src routes tools openapi.yaml tests Dockerfile README.md CHANGELOG.md CONTRIBUTING.md AGENTS.md LICENSE .ci/run .env.example";
    expect(names.split(" ").filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
    expect(textOf("LICENSE")).toMatch(/^MIT License/);
  });
});

describe("the runtime", () => {
  it("tests run on the Node that the package brings, the one of the image", () => {
    const { devDependencies, engines } = JSON.parse(textOf("package.json")) as Record<
      string,
      Record<string, string>
    >;
    expect(`v${devDependencies?.["node"]}`).toBe(process.version);
    expect(process.version).toMatch(/^v24\./);
    expect(engines?.["node"]).toBe(">=22.19");
    expect(textOf("src/cli/hermes.ts")).toContain("MIN_NODE = [22, 19]");
  });
});

describe("pages", () => {
  it.each(PAGES)("every relative link of %s leads somewhere", (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(
      ([, link = ""]) => link,
    );
    const broken = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : posix.join(posix.dirname(page), path);
      return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(broken).toEqual([]);
  });

  it.each(PAGES)("every npm script that %s names exists", (page) => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    const named = [...textOf(page).matchAll(/\bnpm (?:run ([a-z:]+)|(test|start)\b)/g)];
    const names = named.map(([, script, shortcut]) => script ?? shortcut ?? "");
    expect(names.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("AGENTS.md is short, and every path that it names exists", () => {
    const text = textOf("AGENTS.md");
    expect(text.split("\n").length).toBeLessThanOrEqual(120);
    const names = [...text.matchAll(/`((?:src|routes|tools|tests|docs|bench|scripts|\.ci)\/[^`\s]*)`/g)];
    const paths = names.map(([, path = ""]) => path.replace(/\*$|<.*$/, ""));
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it("pages decisions are numbered without gaps, and each has context, decision and consequence", () => {
    const names = filesIn("docs/decisions").map((file) => posix.basename(file));
    const numbers = names.map((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]);
    expect(numbers).toEqual(names.map((_, index) => String(index + 1).padStart(4, "0")));
    for (const name of names) {
      const text = textOf(`docs/decisions/${name}`);
      expect(text.trimEnd().split("\n").length, name).toBeLessThanOrEqual(60);
      for (const word of ["Context", "Decision", "Consequence"]) expect(text, name).toContain(word);
    }
  });

  it("CI runs the very test command of the package", () => {
    expect(textOf(".ci/run")).toMatch(/^step npm test$/m);
  });
});

/** The anchors that a page's headings make. */
function anchorsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("docs/architecture.md", () => {
  const text = textOf("docs/architecture.md");

  it("names no file or folder that is not there", () => {
    const names = [...text.matchAll(/`((?:src|routes|tools|tests)(?:\/[^`\s]*)?)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });

  it("names no type, class or function that the program does not export", () => {
    const program = PROGRAM.map(textOf).join("\n");
    const names = [...text.matchAll(/`([A-Za-z]+)(?:\.([a-z]\w*))?`/g)]
      .flatMap(([, name = "", method]) => [name, method ?? name])
      .filter((name) => /^[A-Z]\w*[a-z]|[a-z][A-Z]/.test(name));
    const isThere = (name: string) =>
      new RegExp(
        `export (async )?(function|class|interface|const|type) ${name}\\b|^  (async )?${name}\\(`,
        "m",
      ).test(program);
    expect(names.filter((name) => !isThere(name))).toEqual([]);
  });
});

it("the answers to where something is changed name files that are there", () => {
  const questions = JSON.parse(textOf("tests/where.json")) as [question: string, file: string][];
  expect(questions).toHaveLength(20);
  expect(questions.filter(([, file]) => !existsSync(join(ROOT, file)))).toEqual([]);
});
