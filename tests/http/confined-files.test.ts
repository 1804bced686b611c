import { execFileSync } from "node:child_process";
import { link, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { writeFiles } from "../helpers/home-files.ts";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { say } from "../helpers/scripted-provider.ts";
import type { TestApp } from "../helpers/test-app.ts";

const SECRET = "CANARY-OF-A-FILE-THAT-IS-NOT-FOR-MODELS";
const HELLO = [{ role: "user", content: "Hello?" }];

/** A server whose home holds secrets and beside whose workspace lies a file. */
async function open() {
  const app = await openJobsApp(() => say("Hi."), { config: { agent: { max_steps: 5 } } });
  const outside = join(app.home, "..", "outside.txt");
  await writeFile(outside, SECRET);
  await writeFiles(app.home, { ".env": `NOTE=${SECRET}\n`, "keys/one": SECRET });
  await writeFile(join(app.home, "config.yaml"), `# ${SECRET}\n`);
  const at = (name: string) => join(app.workspace, name);
  /** The core prompt of the latest request, after all were looked through for the secret. */
  const core = () => {
    expect(JSON.stringify(app.provider.requests)).not.toContain(SECRET);
    return app.provider.requests.at(-1)?.core ?? "";
  };
  return { ...app, outside, at, core };
}

type Place = Awaited<ReturnType<typeof open>>;

/** What somebody may put in the place of a file, and what is said of it. */
const ODD: [what: string, words: RegExp, put: (place: Place, path: string) => unknown][] = [
  ["a link to a file outside", /leads out/, ({ outside }, path) => symlink(outside, path)],
  [
    "a chain of links out",
    /leads out/,
    async ({ outside, at }, path) => {
      await symlink(outside, at("first"));
      await symlink("first", path);
    },
  ],
  [
    "a link to the home's .env",
    /leads out|server's own/,
    ({ home }, path) => symlink(join(home, ".env"), path),
  ],
  [
    "a link to config.yaml",
    /leads out|server's own/,
    ({ home }, path) => symlink(join(home, "config.yaml"), path),
  ],
  ["a hard link of the .env", /server's own/, ({ home }, path) => link(join(home, ".env"), path)],
  ["a hard link of config.yaml", /server's own/, ({ home }, path) => link(join(home, "config.yaml"), path)],
  ["a hard link of a key", /server's own/, ({ home }, path) => link(join(home, "keys/one"), path)],
  ["a link to the environment", /leads out/, (_place, path) => symlink("/proc/self/environ", path)],
  ["a link to an endless device", /leads out/, (_place, path) => symlink("/dev/zero", path)],
  ["a FIFO", /FIFO/, (_place, path) => execFileSync("mkfifo", [path])],
  [
    "a link to a FIFO",
    /FIFO/,
    async ({ at }, path) => {
      execFileSync("mkfifo", [at("fifo")]);
      await symlink("fifo", path);
    },
  ],
  ["a directory", /a directory/, (_place, path) => mkdir(path)],
  ["a link to itself", /in circles/, (_place, path) => symlink(basename(path), path)],
  ["a file that is too big", /too big/, (_place, path) => writeFile(path, "x".repeat(2 ** 20 + 1))],
  ["a file that is no text", /UTF-8/, (_place, path) => writeFile(path, Buffer.from([0xff, 0xfe, 0x41]))],
];

/** Whether requests are asked for on every surface that has a core prompt, and all are answered. */
async function askAll({ ask, provider }: Pick<Place, "ask" | "provider">): Promise<void> {
  const before = provider.requests.length;
  const answers = await Promise.all([
    ask("/v1/chat/completions", { body: { messages: HELLO } }),
    ask("/v1/chat/completions", { body: { messages: HELLO }, headers: { "x-hermes-session-id": "s-1" } }),
    ask("/v1/responses", { body: { input: "Hello?" } }),
    ask("/v1/runs", { body: { input: "Hello?" } }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 202]);
  await vi.waitFor(() => expect(provider.requests).toHaveLength(before + 4));
}

describe("an AGENTS.md of the workspace", () => {
  test.each(
    ODD,
  )("an AGENTS.md of the workspace that is %s is left out of every prompt, with a warning in the run and the log", async (_what, words, put) => {
    const place = await open();
    await put(place, place.at("AGENTS.md"));
    await askAll(place);
    expect(place.core()).not.toContain("Instructions of the workspace");
    const body = { messages: HELLO, stream: true };
    const { text } = await place.ask("/v1/chat/completions", { body });
    expect(text).toMatch(/"type":"status","kind":"prompt_incomplete","text":"AGENTS\.md was left out/);
    expect(text).toMatch(words);
    expect(text).not.toContain(place.home);
    // Once, however many were asked.
    expect(warnings(place).filter((message) => words.test(message))).toHaveLength(1);
    expect((await place.ask("/ready")).status).toBe(200);
  });

  test("an AGENTS.md of the workspace that is a link to another file of the workspace is read", async () => {
    const place = await open();
    await writeFile(place.at("CLAUDE.md"), "Use tabs.");
    await symlink("CLAUDE.md", place.at("AGENTS.md"));
    await askAll(place);
    expect(place.core()).toMatch(/Instructions of the workspace \(AGENTS\.md\)\n\nUse tabs\.$/);
    expect(warnings(place)).toEqual([]);
  });

  test("an AGENTS.md of the workspace is read again once it can be, and the log says so", async () => {
    const place = await open();
    execFileSync("mkfifo", [place.at("AGENTS.md")]);
    await askAll(place);
    await rm(place.at("AGENTS.md"));
    await writeFile(place.at("AGENTS.md"), "Use tabs.");
    await vi.waitFor(
      async () => {
        await place.ask("/v1/chat/completions", { body: { messages: HELLO } });
        expect(place.core()).toContain("Use tabs.");
      },
      { timeout: 5_000, interval: 100 },
    );
    expect(warnings(place).at(-1)).toBe("The core prompt is whole again.");
  });
});

describe("a SOUL.md", () => {
  test("a SOUL.md may be a link out of the home, as programs that keep settings make them", async () => {
    const place = await open();
    await writeFile(join(place.home, "..", "soul"), "You are Ada.");
    await symlink("../soul", join(place.home, "SOUL.md"));
    await askAll(place);
    expect(place.core()).toMatch(/^You are Ada\./);
  });

  test.each(
    ODD.filter(([, words]) => !words.test("it leads out")),
  )("a SOUL.md that is %s gives way to the usual identity, with a warning", async (_what, _words, put) => {
    const place = await open();
    await put({ ...place, at: (name) => join(place.home, name) }, join(place.home, "SOUL.md"));
    await askAll(place);
    expect(place.core()).toMatch(/^You are Hermes/);
    expect(warnings(place)).toEqual([expect.stringMatching(/^SOUL\.md was left out of the core prompt: /)]);
  });

  test("a SOUL.md that is a link to a secret gives way, too", async () => {
    for (const name of [".env", "config.yaml", "keys/one"]) {
      const place = await open();
      await symlink(name, join(place.home, "SOUL.md"));
      await askAll(place);
      expect(place.core()).toMatch(/^You are Hermes/);
    }
  });
});

describe("the AGENTS.md of a job's directory", () => {
  test.each(
    ODD,
  )("the AGENTS.md of a job's directory that is %s is left out, and the job's history says why", async (_what, words, put) => {
    const place = await open();
    await mkdir(place.at("site"));
    const inside = (name: string) => join(place.workspace, "site", name);
    await put({ ...place, at: inside }, inside("AGENTS.md"));
    const { id } = await place.create({ prompt: "Build.", schedule: "@yearly", workdir: "site" });
    const { notes } = await place.runNow(id);
    expect(notes).toEqual([expect.stringMatching(/^The AGENTS\.md of its directory was left out: /)]);
    expect(String(notes)).toMatch(words);
    expect(JSON.stringify(place.provider.requests)).not.toContain(SECRET);
  });
});

function warnings({ log }: Pick<TestApp, "log">): string[] {
  return log.map(({ msg }) => msg).filter((message) => /left out|core prompt/.test(message));
}
