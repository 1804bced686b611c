import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, type Import, importsOf, textOf } from "./helpers/sources.ts";

const SOURCES = ["src", "routes", "tools"].flatMap(filesIn).filter((file) => file.endsWith(".ts"));

/** What a package of ours is called in the table of AGENTS.md: its folder, or the file itself at the top of src. */
function ownerOf(file: string): string {
  const [top = "", second = "", ...rest] = file.split("/");
  return top !== "src" || rest.length > 0 ? (top === "src" ? `src/${second}` : top) : file;
}

interface Floor {
  number: number;
  what: string[];
  may: string[];
}

/** The rows of "Floors" in AGENTS.md: the rule itself, so that the page cannot say anything else. */
const FLOORS: Floor[] = [...textOf("AGENTS.md").matchAll(/^\| (\d|½) \| (.+?) \| (.+?) \|$/gm)].map(
  ([, number = "", what = "", may = ""]) => ({
    number: number === "½" ? 0.5 : Number(number),
    what: [...what.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
    may: may.split(", "),
  }),
);

interface Edge extends Import {
  file: string;
  /** The imported file, or the name of a package or of one of Node's modules. */
  target: string;
}

/** The package of a specifier: `openai/resources` is `openai`. */
function packageOf(specifier: string): string {
  const [scope = "", name = ""] = specifier.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

const EDGES: Edge[] = SOURCES.flatMap((file) =>
  importsOf(textOf(file)).map((found): Edge => {
    const { specifier = "(computed)" } = found;
    const isOurs = specifier.startsWith(".");
    const target = isOurs ? posix.join(posix.dirname(file), specifier) : packageOf(specifier);
    return { ...found, file, target };
  }),
);
const OUR_EDGES = EDGES.filter(({ target }) => SOURCES.includes(target));

function tell({ file, line, target }: Edge): string {
  return `${file}:${line} imports ${target}`;
}

function floorOf(file: string): Floor | undefined {
  return FLOORS.find(({ what }) => what.includes(ownerOf(file)));
}

/** Whether a row's third cell covers an import: a folder (`wire`), a file (`wire/encoder`), or its types. */
function isNamed(may: readonly string[], { target, isType }: Edge): boolean {
  const file = target.replace(/^src\//, "").replace(/\.ts$/, "");
  return may.some((entry) => {
    const name = entry.replace(" (types)", "");
    return (file === name || file.startsWith(`${name}/`)) && (isType || name === entry);
  });
}

const FOR_ALL = ["src/domain", "src/lib", "src/files"];

function isAllowed(edge: Edge): boolean {
  const { file, target } = edge;
  if (ownerOf(file) === ownerOf(target) || FOR_ALL.includes(ownerOf(target))) return true;
  const may = floorOf(file)?.may ?? [];
  return may[0] === "all" || isNamed(may, edge);
}

describe("the scan of imports", () => {
  it("the scan of imports finds imports of every form, and no others", () => {
    const text = [
      'import a from "a";',
      'import type { B } from "b";',
      "import {",
      "  type C,",
      "  d, // in \"no import\" from './comment'",
      '} from "c";',
      'export { e } from "e";',
      'export type { F } from "f";',
      'import "g";',
      'const h = await import("h");',
      'let i: import("i").I;',
      "const j = await import(name);",
      'const k = require("k");',
      '// import l from "l"',
      '/* import m from "m" */ const n = "import o from \'o\'";',
      'import type from "p";',
    ].join("\n");
    const found = importsOf(text).map(({ specifier, isType, line }) => [specifier, isType, line]);
    expect(found).toEqual([
      ["a", false, 1],
      ["b", true, 2],
      ["c", false, 3],
      ["e", false, 7],
      ["f", true, 8],
      ["g", false, 9],
      ["p", false, 16],
      ["h", false, 10],
      ["i", true, 11],
      [undefined, false, 12],
      ["k", false, 13],
    ]);
  });

  it("the scan of imports misses no import of the sources", () => {
    for (const file of SOURCES) {
      const begun = textOf(file).match(/^(import|export) .*from "|^} from "|^import "/gm) ?? [];
      const found = EDGES.filter((edge) => edge.file === file).length;
      expect(found, file).toBeGreaterThanOrEqual(begun.length);
    }
    expect(OUR_EDGES.length).toBeGreaterThan(200);
  });
});

describe("floors", () => {
  it("AGENTS.md says for every file where it stands", () => {
    expect(FLOORS.map(({ number }) => number)).toEqual([5, 4, 3, 3, 2, 1, 0.5, 0]);
    const homeless = SOURCES.filter((file) => ownerOf(file) !== "tools" && floorOf(file) === undefined);
    expect(homeless).toEqual([]);
    const places = new Set(SOURCES.map(ownerOf));
    expect(FLOORS.flatMap(({ what }) => what).filter((name) => !places.has(name))).toEqual([]);
  });

  it("what a row of the table allows exists and stands no higher than the row", () => {
    for (const { number, may } of FLOORS.filter((floor) => floor.number > 0 && floor.may[0] !== "all")) {
      for (const name of may.map((entry) => entry.replace(" (types)", ""))) {
        const files = SOURCES.filter(
          (file) => `${file.slice(4)}/`.startsWith(`${name}/`) || file === `src/${name}.ts`,
        );
        expect(files, name).not.toEqual([]);
        for (const file of files) expect(floorOf(file)?.number, file).toBeLessThanOrEqual(number);
      }
    }
  });

  it("a file imports only what its floor allows", () => {
    const wrong = OUR_EDGES.filter(({ file }) => ownerOf(file) !== "tools").filter(
      (edge) => !isAllowed(edge),
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it("a tool imports nothing of ours but its definition and the domain", () => {
    const wrong = OUR_EDGES.filter(({ file }) => ownerOf(file) === "tools").filter(
      ({ target }) => target !== "src/tools/define.ts" && ownerOf(target) !== "src/domain",
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it("wire is imported only by http, routes and app: what is below them knows no wire format", () => {
    const above = ["src/wire", "src/http", "routes", "src/app"];
    const wrong = OUR_EDGES.filter(
      ({ file, target }) => ownerOf(target) === "src/wire" && !above.includes(ownerOf(file)),
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it("nothing imports routes but src/app, and nothing imports a tool", () => {
    const wrong = OUR_EDGES.filter(
      ({ file, target }) =>
        ownerOf(target) === "tools" ||
        (ownerOf(target) === "routes" && !["src/app", "routes"].includes(ownerOf(file))),
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it("relative imports name a source file with its suffix; only the loader of tools computes one", () => {
    const relative = EDGES.filter(({ specifier }) => specifier?.startsWith(".") === true);
    expect(relative.filter(({ target }) => !SOURCES.includes(target)).map(tell)).toEqual([]);
    const computed = EDGES.filter(({ specifier }) => specifier === undefined);
    expect(computed.map(({ file }) => file)).toEqual(["src/tools/load.ts"]);
  });
});

/** Who may import a package; what is not listed is nobody's. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  fastify: ["src/http", "routes", "src/app"],
  "@fastify/cors": ["src/http"],
  "@fastify/swagger": ["src/http"],
  "@fastify/websocket": ["src/http"],
  openai: ["src/providers"],
  "@anthropic-ai/sdk": ["src/providers"],
  "eventsource-parser": ["src/providers"],
  unpdf: ["src/files"],
  croner: ["src/jobs"],
  undici: ["src/providers", "src/net"],
  "ipaddr.js": ["src/net"],
  "better-sqlite3": ["src/storage"],
  yaml: ["src/config", "src/skills"],
  ignore: ["src/tools"],
  zod: [
    "src/domain",
    "src/lib",
    "src/wire",
    "src/http",
    "src/config",
    "src/tools",
    "tools",
    "src/storage",
    "src/providers",
  ],
};

describe("packages", () => {
  const outside = EDGES.filter(
    ({ target, specifier }) => specifier !== undefined && !SOURCES.includes(target),
  );

  it("each has one owner", () => {
    const wrong = outside.filter(
      ({ file, target }) => !target.startsWith("node:") && !PACKAGES[target]?.includes(ownerOf(file)),
    );
    expect(wrong.map(tell)).toEqual([]);
  });

  it("what the program imports is a dependency, and every dependency is imported", () => {
    const { dependencies, devDependencies } = JSON.parse(textOf("package.json")) as Record<string, object>;
    const used = new Set(
      outside.filter(({ target }) => !target.startsWith("node:")).map(({ target }) => target),
    );
    const typesOnly = [...used].filter((name) =>
      outside.every((edge) => edge.target !== name || edge.isType),
    );
    const undeclared = [...used].filter(
      (name) =>
        !(name in (dependencies ?? {})) && !(typesOnly.includes(name) && name in (devDependencies ?? {})),
    );
    expect(undeclared).toEqual([]);
    expect(Object.keys(dependencies ?? {}).filter((name) => !used.has(name))).toEqual([]);
  });

  it("the floor of the domain knows only zod and Node, and files a reader of PDFs", () => {
    const wrong = outside.filter(({ file, target }) => {
      if (!FOR_ALL.includes(ownerOf(file)) || target === "zod" || target.startsWith("node:")) return false;
      return !(ownerOf(file) === "src/files" && target === "unpdf");
    });
    expect(wrong.map(tell)).toEqual([]);
  });
});

/** The table "what is opened" of AGENTS.md: folders and files. */
const FILE_OPENERS = [
  ...(textOf("AGENTS.md").split("| what is opened | by |")[1]?.split("\n\n")[0] ?? "").matchAll(/`([^`]+)`/g),
].map(([, name = ""]) => name);

describe("files", () => {
  const isOpener = (file: string) =>
    FILE_OPENERS.some((name) => file === name || file.startsWith(`${name}/`));
  const openers = EDGES.filter(
    ({ specifier, isType }) => !isType && /^(node:)?fs(\/|$)/.test(specifier ?? ""),
  );

  it("only what AGENTS.md names opens any, so that each has its place and its reason", () => {
    expect(openers.filter(({ file }) => !isOpener(file)).map(tell)).toEqual([]);
  });

  it("everything that AGENTS.md names still does", () => {
    expect(FILE_OPENERS.length).toBeGreaterThan(5);
    const idle = FILE_OPENERS.filter(
      (name) => !openers.some(({ file }) => `${file}/`.startsWith(`${name}/`)),
    );
    expect(idle).toEqual([]);
  });
});

it("only routes and wire formats decide by the surface that a run came from", () => {
  const compared =
    /\bsurface\s*(===|!==)|(===|!==)\s*[\w.#?]*\bsurface\b|switch \([^)]*surface|\b(includes|has)\([^()]*surface\b/;
  const below = SOURCES.filter((file) => !/^(routes|src\/wire)\//.test(file));
  expect(below.filter((file) => compared.test(textOf(file)))).toEqual([]);
});

it("every view of a run's events names all of them, so that the compiler asks about a new one", () => {
  const views = SOURCES.filter(
    (file) =>
      file.startsWith("src/wire/") &&
      /case "run\.completed":/.test(textOf(file)) &&
      /case "step\.started":/.test(textOf(file)),
  );
  expect(views.map((file) => posix.basename(posix.dirname(file)))).toEqual(["runs", "chat", "responses"]);
  expect(views.filter((file) => !textOf(file).includes("event satisfies never"))).toEqual([]);
});
