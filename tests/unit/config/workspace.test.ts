import { mkdir, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { findHome } from "../../../src/config/profile.ts";
import { workspaceWarning } from "../../../src/config/workspace.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";

const home = findHome({ HERMES_HOME: "/somewhere/.hermes" });

it.each([
  ["/", "the whole machine"],
  ["/etc", "a directory of the system"],
  ["/usr", "a directory of the system"],
  ["/root", "a home directory"],
  ["/home", "a home directory"],
  ["/home/somebody", "a home directory"],
  ["/Users", "a home directory"],
  [homedir(), "a home directory"],
  ["/somewhere/.hermes", "where the server keeps its own files"],
  ["/somewhere/.hermes/profiles", "where the server keeps its own files"],
  ["/somewhere", "where the server keeps its own files"],
])("a workspace at %s is warned about as %s, with the cure", (workspace, what) => {
  const warning = workspaceWarning({ workspace, home });
  expect(warning).toContain(`The workspace, ${workspace}, is ${what}`);
  expect(warning).toContain("Set workspace in /somewhere/.hermes/config.yaml");
});

it.each([
  "/home/somebody/project",
  "/srv/project",
  "/somewhere/else",
  "/somewhere/.hermes-work",
])("a workspace at %s is not warned about", (workspace) => {
  expect(workspaceWarning({ workspace, home })).toBeUndefined();
});

it("a workspace that is a link is judged by where it leads", async () => {
  const directory = await temporaryDirectory();
  const own = findHome({ HERMES_HOME: join(directory, "home", ".hermes") });
  await mkdir(own.path, { recursive: true });
  await symlink(dirname(own.path), join(directory, "link"));
  expect(workspaceWarning({ workspace: join(directory, "link"), home: own })).toContain("its own files");
});
