import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, symlink } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import ignore from "ignore";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { filesIn, ROOT, textOf } from "../helpers/sources.ts";

interface Instruction {
  name: string;
  text: string;
}

/** The instructions of each stage; continued lines are one, and comments are none. */
function stagesOf(text: string): Instruction[][] {
  const lines = text
    .replace(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push([]);
    stages.at(-1)?.push({ name, text: rest.trim() });
  }
  return stages;
}

const STAGES = stagesOf(textOf("Dockerfile"));
const [BUILD = [], FINAL = []] = STAGES;
const PACKAGE = JSON.parse(textOf("package.json")) as {
  bin: Record<string, string>;
  scripts: Record<string, string>;
};

function all(stage: readonly Instruction[], name: string): string[] {
  return stage.filter((entry) => entry.name === name).map(({ text }) => text);
}

/** What a COPY takes, and where to. */
function copies(
  stage: readonly Instruction[],
): { sources: string[]; target: string; from: string | undefined }[] {
  return all(stage, "COPY").map((text) => {
    const from = /--from=(\S+)/.exec(text)?.[1];
    const paths = text.split(/\s+/).filter((word) => !word.startsWith("--"));
    return { sources: paths.slice(0, -1), target: paths.at(-1) ?? "", from };
  });
}

/** A command in its exec form. */
function exec(text: string | undefined): string[] {
  return JSON.parse(text?.replace(/^.*?(?=\[)/, "") ?? "[]") as string[];
}

const ENV = Object.fromEntries(
  all(FINAL, "ENV").flatMap((text) =>
    [...text.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
  ),
) as Record<string, string>;
const ENTRYPOINT = exec(all(FINAL, "ENTRYPOINT")[0]);
const CMD = exec(all(FINAL, "CMD")[0]);
const HEALTHCHECK = exec(all(FINAL, "HEALTHCHECK")[0]);

describe("the image", () => {
  it("the image is built in one stage and runs in another, both on Node's slim image of the version that npm brings", () => {
    expect(STAGES.length).toBe(2);
    const major = /^v(\d+)/.exec(process.version)?.[1];
    expect(all(BUILD, "FROM")).toEqual([`node:${major}-slim AS build`]);
    expect(all(FINAL, "FROM")).toEqual([`node:${major}-slim`]);
  });

  it("runs as a user who is not root and who owns the home, which is a volume", () => {
    expect(all(FINAL, "USER")).toEqual(["node"]);
    expect(all(FINAL, "VOLUME")).toEqual([ENV["HERMES_HOME"]]);
    const owned = all(FINAL, "RUN").find((text) => text.includes("chown")) ?? "";
    for (const directory of [ENV["HERMES_HOME"], all(FINAL, "WORKDIR").at(-1)]) {
      expect(owned).toMatch(new RegExp(`mkdir .*${directory}.*chown node:node .*${directory}`));
    }
  });

  it("the image is the same program with the same flags as npm start", () => {
    const [node = "", ...args] = [...ENTRYPOINT, ...CMD];
    expect([node, ...args].join(" ").replace("/app/", "")).toBe(PACKAGE.scripts["start"]);
    expect(ENTRYPOINT.at(-1)).toBe(join("/app", PACKAGE.bin["hermes"] ?? ""));
  });

  it("the image listens on the port that it exposes, and on more than loopback", () => {
    expect(all(FINAL, "EXPOSE")).toEqual(["8642"]);
    expect(HEALTHCHECK.join(" ")).toContain("|| 8642");
    expect(ENV["API_SERVER_HOST"]).toBe("0.0.0.0");
  });
});

describe("what the image is built from", () => {
  const excluded = ignore().add(textOf(".dockerignore"));

  it("every copied path exists and gets into the build's context", () => {
    const paths = copies(BUILD).flatMap(({ sources }) => sources);
    expect(paths).toContain("src");
    const files = filesIn("");
    for (const path of paths) {
      const copied = files.filter((file) => file === path || file.startsWith(`${path}/`));
      expect(copied, path).not.toEqual([]);
      expect(copied.filter((file) => excluded.ignores(file))).toEqual([]);
    }
  });

  it("no secret, no installed package and no history gets into the context", () => {
    const unwanted = [".env", "node_modules/zod/package.json", ".git/config", "dist/hermes.js", "a/b.log"];
    expect(unwanted.filter((file) => !excluded.ignores(file))).toEqual([]);
  });

  it("every script and npm command that it runs exists", () => {
    const commands = [...all(BUILD, "RUN"), ...all(FINAL, "RUN")].flatMap((text) => text.split(/\s*&&\s*/));
    const copied = copies(BUILD).flatMap(({ sources }) => sources);
    for (const command of commands) {
      const [program = "", first = ""] = command.split(" ");
      if (program === "node") expect(copied).toContain(first);
      else if (program === "npm") expect(["ci", "prune"]).toContain(first);
      else expect(["mkdir", "chown"]).toContain(program);
    }
  });
});

/** Does what the stages do, in directories: copies, builds, copies. Packages are those of this repository. */
async function buildImage(): Promise<string> {
  const [build, app] = await Promise.all([temporaryDirectory(), temporaryDirectory()]);
  for (const { sources, target } of copies(BUILD)) {
    for (const source of sources) {
      const place = target.endsWith("/")
        ? join(build, target, source.split("/").at(-1) ?? "")
        : join(build, target);
      await mkdir(dirname(place), { recursive: true });
      await cp(join(ROOT, source), place, { recursive: true });
    }
  }
  await symlink(join(ROOT, "node_modules"), join(build, "node_modules"));
  const script = all(BUILD, "RUN").flatMap((text) => /\bnode (\S+)/.exec(text)?.[1] ?? [])[0] ?? "";
  const [code] = await once(spawn(process.execPath, [script], { cwd: build }), "exit");
  expect(code).toBe(0);
  for (const { sources, from } of copies(FINAL)) {
    expect(from).toBe("build");
    for (const source of sources) {
      const path = source.replace(/^\/app\//, "");
      await cp(join(build, path), join(app, path), { recursive: true, verbatimSymlinks: true });
    }
  }
  return app;
}

/** Starts the entry point as the image does, with its environment and the given one. */
function start(app: string, env: Record<string, string>): ChildProcess {
  const args = [...ENTRYPOINT.slice(1), ...CMD].map((arg) => arg.replace(/^\/app\//, `${app}/`));
  const child = spawn(process.execPath, args, { cwd: env["HERMES_HOME"], env: { ...ENV, ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function isHealthy(env: Record<string, string>): Promise<boolean> {
  const [, ...args] = HEALTHCHECK;
  const [code] = await once(spawn(process.execPath, args, { env }), "exit");
  return code === 0;
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

describe("the container", { timeout: 60_000 }, () => {
  it("the container starts from the copied files alone, is healthy while it serves, and ends well on SIGTERM", async () => {
    const app = await buildImage();
    const home = await temporaryDirectory();
    const port = await freePort();
    const own = {
      HERMES_HOME: home,
      API_SERVER_HOST: "127.0.0.1",
      API_SERVER_PORT: port,
      LLM_PROVIDER: "demo",
    };
    expect(await isHealthy({ API_SERVER_PORT: port })).toBe(false);
    const child = start(app, own);
    const exited = once(child, "exit");
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if (line.includes('"listening"')) break;
    }
    expect(await isHealthy({ API_SERVER_PORT: port })).toBe(true);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);

    // Without a key it must not come up on the address that the image listens on.
    const open = start(app, { HERMES_HOME: await temporaryDirectory(), API_SERVER_PORT: port });
    let complaint = "";
    open.stderr?.on("data", (text) => (complaint += text));
    expect(await once(open, "close")).toEqual([78, null]);
    expect(complaint).toMatch(/^hermes: .*API_SERVER_KEY.*\n$/);
  });
});
