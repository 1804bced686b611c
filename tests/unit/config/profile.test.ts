import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config/error.ts";
import { APPLICATION_ID, findHome, protectedPaths } from "../../../src/config/profile.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { FOREIGN_DATABASE } from "../../helpers/stored.ts";

describe("the home", () => {
  it("the home is $HERMES_HOME, by default ~/.hermes", () => {
    expect(findHome({}).path).toBe(join(homedir(), ".hermes"));
    expect(findHome({ HERMES_HOME: "" }).path).toBe(join(homedir(), ".hermes"));
    expect(findHome({ HERMES_HOME: "/srv/hermes/" }).path).toBe("/srv/hermes");
  });

  it("the home of a profile lies below it, with files of its own", async () => {
    const base = await temporaryDirectory();
    const path = join(base, "profiles", "alice");
    expect(findHome({ HERMES_HOME: base }, "alice")).toEqual({
      path,
      profile: "alice",
      configFile: join(path, "config.yaml"),
      envFile: join(path, ".env"),
      soulFile: join(path, "SOUL.md"),
      databaseFile: join(path, "state.db"),
      shared: false,
    });
  });

  it.each(["a", "Alice-2", "a_b", "0", "x".repeat(64)])("%s is a profile's name", (name) => {
    expect(findHome({ HERMES_HOME: "/nowhere" }, name).profile).toBe(name);
  });

  it.each([
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "-a",
    "_a",
    "a b",
    "a\n",
    "ä",
    "x".repeat(65),
  ])("%j is none", (name) => {
    expect(() => findHome({ HERMES_HOME: "/nowhere" }, name)).toThrow(ConfigError);
  });
});

describe("the database", () => {
  it("the database is ours when it does not exist yet, is empty, or bears our mark", async () => {
    const base = await temporaryDirectory();
    const file = join(base, "state.db");
    const of = () => findHome({ HERMES_HOME: base });
    expect([of().databaseFile, of().shared]).toEqual([file, false]);
    await writeFile(file, "");
    expect([of().databaseFile, of().shared]).toEqual([file, false]);
    await openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" }).close();
    expect([of().databaseFile, of().shared]).toEqual([file, false]);
  });

  it("the database of another program stays as it is, and ours lies beside it", async () => {
    const base = await temporaryDirectory();
    await writeFile(join(base, "state.db"), FOREIGN_DATABASE);
    const { databaseFile, shared } = findHome({ HERMES_HOME: base });
    expect([databaseFile, shared]).toEqual([join(base, "api-server.db"), true]);
  });

  it("the database that is none any more is not passed over: it may be ours, and damaged", async () => {
    const base = await temporaryDirectory();
    await writeFile(join(base, "state.db"), "hello");
    const { databaseFile, shared } = findHome({ HERMES_HOME: base });
    expect([databaseFile, shared]).toEqual([join(base, "state.db"), false]);
  });

  it("the database of another program under a profile does not make the others shared", async () => {
    const base = await temporaryDirectory();
    await mkdir(join(base, "profiles", "alice"), { recursive: true });
    await writeFile(join(base, "state.db"), FOREIGN_DATABASE);
    expect(findHome({ HERMES_HOME: base }).shared).toBe(true);
    expect(findHome({ HERMES_HOME: base }, "alice").shared).toBe(false);
  });
});

describe("what is kept from tools", () => {
  const SECRETS = [".env", "api-server.db*", "auth.json", "config.yaml", "keys", "state.db*"];
  const namesIn = (base: string, profile?: string) =>
    protectedPaths(findHome({ HERMES_HOME: base }, profile))
      .map((path) => path.replace(`${base}/`, ""))
      .sort();
  const below = (directory: string) => SECRETS.map((name) => `${directory}/${name}`);

  it("what is kept from tools are a home's keys, settings and databases, and those of its profiles", async () => {
    expect(namesIn(await temporaryDirectory())).toEqual([...SECRETS, ...below("profiles/*")].sort());
  });

  it("what is kept from tools are for a profile those of the base home, too, and of the other profiles", async () => {
    const all = [...SECRETS, ...below("profiles/*"), ...below("profiles/alice")];
    expect(namesIn(await temporaryDirectory(), "alice")).toEqual(all.sort());
  });
});
