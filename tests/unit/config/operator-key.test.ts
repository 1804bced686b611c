import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeOperatorKey, operatorKeyDigest } from "../../../src/config/operator-key.ts";
import { home, load } from "../../helpers/config.ts";

const REQUIRED = { yaml: "approvals: {require_operator_key: true}\n" };

describe("the operator key", () => {
  it("the operator key is new each time, and the home keeps its digest alone, for this user", async () => {
    const path = await home(REQUIRED);
    const [first, second] = [makeOperatorKey({ path }), makeOperatorKey({ path })];
    expect(first).toMatch(/^hermes-operator-[\w-]{43}$/);
    expect(first).not.toBe(second);
    const file = join(path, "keys", "operator-key.sha256");
    const text = await readFile(file, "utf8");
    expect(text).toBe(`${operatorKeyDigest(load(path))}\n`);
    expect(text).not.toContain(second);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(path, "keys"))).toEqual(["operator-key.sha256"]);
  });

  it("the operator key is not asked for by default", async () => {
    expect(operatorKeyDigest(load(await home()))).toBeUndefined();
  });

  it.each(["", "not a digest", "a".repeat(63)])("stops the start when what is kept is %j", async (text) => {
    const path = await home(REQUIRED);
    makeOperatorKey({ path });
    await writeFile(join(path, "keys", "operator-key.sha256"), text);
    expect(() => operatorKeyDigest(load(path))).toThrow("Make one: hermes operator-key");
  });
});
