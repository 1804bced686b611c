import { link, mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownDirectories, protectedPaths } from "../../../src/config/profile.ts";
import { createLocalSandbox } from "../../../src/sandbox/local.ts";
import { createWorkspace } from "../../../src/tools/files/workspace.ts";
import { loadTools, TOOLS_DIRECTORY } from "../../../src/tools/load.ts";
import { createJudge } from "../../../src/tools/policy.ts";
import type { CallTerms } from "../../../src/tools/prepared-call.ts";
import { createRegistry } from "../../../src/tools/registry.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { aRun } from "../../helpers/stored.ts";

const CANARY = "CANARY";

interface Scene {
  /** The profile whose server it is. */
  profile?: string;
  /** The workspace, below the directory that holds the base home `.hermes`; that directory itself when left out. */
  workspace?: string;
}

/** The server's own tools behind the real gate, with a home that holds secrets, and another profile. */
async function scene({ profile, workspace = "." }: Scene = {}) {
  const user = await temporaryDirectory();
  const base = join(user, ".hermes");
  const home = { path: profile === undefined ? base : join(base, "profiles", profile), profile };
  for (const directory of [base, join(base, "profiles/alice"), join(base, "profiles/bob")]) {
    for (const inner of ["keys", "scripts", "skills/x", "workspace"])
      await mkdir(join(directory, inner), { recursive: true });
    for (const name of [".env", "config.yaml", "state.db", "keys/one", "SOUL.md", "scripts/s.sh"])
      await writeFile(join(directory, name), `${CANARY} of ${name}\n`);
  }
  await mkdir(join(user, "project/src"), { recursive: true });
  const root = join(user, workspace);
  const secrets = protectedPaths(home);
  const own = await createWorkspace({ root, protectedPaths: secrets });
  const tools = createRegistry((await loadTools(TOOLS_DIRECTORY)).list(), {
    workspace: own,
    sandbox: createLocalSandbox({ env: process.env, home: base }),
    policy: createJudge({
      home: user,
      hermesHome: home.path,
      ownDirectories: ownDirectories(home),
      protectedPaths: secrets,
      workspaceRoot: root,
      pid: process.pid,
    }),
  });
  const prepare = (name: string, args: object) =>
    tools.prepare({ name, arguments: JSON.stringify(args), callId: "call_1", run: aRun() });
  const call = (name: string, args: object, terms: Partial<CallTerms> = {}) => {
    const { signal } = new AbortController();
    return prepare(name, args).run({ signal, progress: () => undefined, ...terms });
  };
  const question = (name: string, args: object) => prepare(name, args).question();
  const write = (path: string, more?: Partial<CallTerms>) =>
    call("write_file", { path, content: "new" }, more);
  const read = (path: string) => call("read_file", { path });
  return { user, base, root, call, question, write, read, textOf: (path: string) => readFile(path, "utf8") };
}

describe("a home inside the workspace", () => {
  it.each([
    ".hermes/scripts/s.sh",
    ".hermes/scripts/new.sh",
    ".hermes/skills/x/SKILL.md",
    ".hermes/skills/deep/er/SKILL.md",
    ".hermes/SOUL.md",
    ".hermes/cron/output/a/b.md",
    ".hermes/anything",
    ".hermes/profiles/alice/scripts/s.sh",
    "here/.hermes/scripts/s.sh",
    "to-home/scripts/s.sh",
    "to-home/new.txt",
    "to-scripts/new.sh",
    "to-script",
    "to-nothing/new.sh",
  ])("a home inside the workspace is not written without a question, whatever links lead there: %s", async (path) => {
    const { user, base, write, question, textOf } = await scene();
    await symlink(".", join(user, "here"));
    await symlink(base, join(user, "to-home"));
    await symlink("here/.hermes/scripts", join(user, "to-scripts"));
    await symlink(".hermes/scripts/s.sh", join(user, "to-script"));
    await symlink(".hermes/skills/x", join(user, "to-nothing"));
    const { output, isError } = await write(path);
    expect([isError, output]).toEqual([true, expect.stringContaining("needs a person's approval")]);
    expect(await question("write_file", { path, content: "new" })).toMatchObject({ rule: "write-hermes" });
    const patch = { path: "to-script", old_string: CANARY, new_string: "new" };
    expect((await question("patch", patch))?.command).toContain(join(base, "scripts/s.sh"));
    expect(await textOf(join(base, "scripts/s.sh"))).toContain(CANARY);
  });

  it.each([
    ".env",
    "config.yaml",
    "state.db",
    "state.db-wal",
    "keys/one",
    "keys/new",
  ])("a home inside the workspace has secrets that are neither read nor written, by no name and for no answer: %s", async (name) => {
    const { user, base, call, read, write, question } = await scene();
    await symlink(base, join(user, "link"));
    await writeFile(join(base, "state.db-wal"), CANARY);
    const isThere = name !== "keys/new";
    if (isThere) await link(join(base, name), join(user, "hard"));
    const names = [`.hermes/${name}`, `link/${name}`, `.HERMES/${name}`, ...(isThere ? ["hard"] : [])];
    const profiles = ["alice", "bob"].map((profile) => `.hermes/profiles/${profile}/${name}`);
    for (const path of [...names, ...profiles]) {
      expect((await read(path)).output, path).not.toContain(CANARY);
      expect(await question("write_file", { path, content: "new" }), path).toBeUndefined();
      expect((await write(path)).isError, path).toBe(true);
    }
    const { output } = await call("search_files", { pattern: CANARY });
    expect(output).not.toContain(`${CANARY} of ${name}`);
  });

  it("a home inside the workspace is approved by a person for the file that the links led to then, and for no other", async () => {
    const { user, base, write, question, textOf } = await scene();
    await symlink(".hermes/skills", join(user, "link"));
    const asked = { path: "link/s.sh", content: "new" };
    const digest = (await question("write_file", asked))?.digest;
    await symlink(".hermes/scripts", join(user, "other"));
    await rename(join(user, "other"), join(user, "link"));
    expect((await write("link/s.sh", { permit: digest })).isError).toBe(true);
    expect(await textOf(join(base, "scripts/s.sh"))).toContain(CANARY);
    const again = (await question("write_file", asked))?.digest;
    expect(await write("link/s.sh", { permit: again })).toMatchObject({ isError: false });
    expect(await textOf(join(base, "scripts/s.sh"))).toBe("new");
  });
});

describe("a profile's server", () => {
  it.each([
    ".hermes",
    "project",
  ])("a profile's server keeps other profiles and the base home as its own, with the workspace in %s", async (workspace) => {
    const { base, read, write, call } = await scene({ profile: "alice", workspace });
    for (const path of [
      ".env",
      "profiles/bob/.env",
      "profiles/bob/config.yaml",
      "profiles/alice/config.yaml",
    ]) {
      expect((await read(path)).output, path).not.toContain(CANARY);
      const command = `cat ${join(base, path)}`;
      expect((await call("terminal", { command })).output, path).toContain("never allowed");
    }
    for (const path of ["profiles/bob/SOUL.md", "scripts/s.sh"]) {
      const command = `echo x > ${join(base, path)}`;
      expect((await call("terminal", { command })).output, path).toContain("needs a person's approval");
      if (workspace === ".hermes") expect((await write(path)).isError, path).toBe(true);
    }
  });
});

describe("a workspace inside the home", () => {
  it.each([
    [{ workspace: ".hermes/workspace" }],
    [{ workspace: ".hermes/profiles/alice/workspace", profile: "alice" }],
  ])("a workspace inside the home is a workspace as any other: %j", async (where) => {
    const { write, read, call } = await scene(where);
    expect(await write("src/a.txt")).toMatchObject({ isError: false });
    expect((await read("src/a.txt")).output).toContain("new");
    expect((await call("terminal", { command: "echo x > b.txt && grep -r x ." })).isError).toBe(false);
    expect((await call("terminal", { command: "echo x > ../SOUL.md" })).output).toContain("approval");
  });

  it.each([
    ".hermes/scripts",
    ".hermes/skills",
    ".hermes/profiles/bob",
  ])("a workspace inside the home is the server's own all the same where it runs or reads what lies there: %s", async (workspace) => {
    const { write } = await scene({ workspace });
    expect((await write("new.sh")).output).toContain("needs a person's approval");
  });
});

describe("what is read or run later", () => {
  it.each([
    ["AGENTS.md", "write-instructions"],
    ["deep/er/agents.MD", "write-instructions"],
    ["CLAUDE.md", "write-instructions"],
    [".cursor/rules/a.mdc", "write-instructions"],
    [".github/copilot-instructions.md", "write-instructions"],
    [".git/hooks/post-commit", "write-startup"],
    [".git/config", "write-startup"],
    ["sub/.git/config", "write-startup"],
    [".vscode/tasks.json", "write-startup"],
    [".github/workflows/ci.yml", "write-startup"],
    [".gitlab-ci.yml", "write-startup"],
    ["Jenkinsfile", "write-startup"],
    [".envrc", "write-startup"],
    [".husky/pre-commit", "write-startup"],
    ["rules.md", "write-instructions"],
    ["hooks/post-commit", "write-startup"],
  ])("what is read or run later is not written without a question: %s", async (path, rule) => {
    const { root, write, question } = await scene({ workspace: "project" });
    await mkdir(join(root, ".git/hooks"), { recursive: true });
    await writeFile(join(root, "CLAUDE.md"), CANARY);
    await symlink("CLAUDE.md", join(root, "rules.md"));
    await symlink(".git/hooks", join(root, "hooks"));
    expect((await write(path)).output).toContain("needs a person's approval");
    expect(await question("write_file", { path, content: "new" })).toMatchObject({ rule });
  });

  it("what is read or run later is known by the link that makes it so, too", async () => {
    const { root, write } = await scene({ workspace: "project" });
    await writeFile(join(root, "notes.md"), CANARY);
    await symlink("notes.md", join(root, "AGENTS.md"));
    expect((await write("AGENTS.md")).output).toContain("needs a person's approval");
    expect((await write("notes.md")).output).toContain("needs a person's approval");
  });

  it.each([
    "package.json",
    "Makefile",
    "README.md",
    "src/agents.ts",
    ".gitignore",
    "docs/claude/notes.md",
  ])("what is read or run later is not every file: %s", async (path) => {
    const { write } = await scene({ workspace: "project" });
    expect(await write(path)).toMatchObject({ isError: false });
  });
});

describe("a command", () => {
  it("a command is judged by where the links in its paths lead", async () => {
    const { root, base, call } = await scene({ workspace: "project" });
    await symlink(join(base, "config.yaml"), join(root, "settings"));
    await symlink(base, join(root, "data"));
    await symlink(join(base, "scripts"), join(root, "src/bin"));
    const verdicts = async (command: string) => (await call("terminal", { command })).output;
    for (const command of [
      "cat settings",
      "cat sett*",
      "cat data/.env",
      "cd src/bin && cat ../.env",
      "cat src/bin/../.env",
    ])
      expect(await verdicts(command), command).toContain("never allowed");
    for (const command of [
      "echo x > src/bin/a.sh",
      "cp a src/bin",
      "grep -r x data",
      "cd data && grep -r x .",
    ])
      expect(await verdicts(command), command).toContain("needs a person's approval");
    expect(await verdicts("ls data; cat src/bin/s.sh")).toContain(CANARY);
  });

  it("a command that throws away changes of a file is told from one that changes the branch", async () => {
    const { root, call } = await scene({ workspace: "project" });
    await writeFile(join(root, "a.txt"), "a");
    const output = async (command: string) => (await call("terminal", { command })).output;
    expect(await output("git checkout a.txt")).toContain("needs a person's approval");
    expect(await output("git checkout a-branch")).not.toContain("approval");
  });

  it.each([
    ["AGENTS.md", "sed -i s/a/b/ *.md"],
    ["AGENTS.md", "tee -a AGENTS.m? < /dev/null"],
  ])("a command is judged by what its globs stand for: %s by %s", async (file, command) => {
    const { root, call } = await scene({ workspace: "project" });
    await writeFile(join(root, file), CANARY);
    expect((await call("terminal", { command })).output).toContain("needs a person's approval");
  });
});
