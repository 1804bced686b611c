import { randomBytes, randomUUID } from "node:crypto";
import { readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config/error.ts";
import { ensureServerKey, isLoopback, keyWarning } from "../../../src/config/key.ts";
import { findWeakness } from "../../../src/config/weak-key.ts";
import { home, load } from "../../helpers/config.ts";

const STRONG = "9fQmT2vLx8RwB1nH";

/** The refusal of a key, on an address. */
async function refused(host: string, key?: string): Promise<string> {
  const config = load(await home(), {
    variables: { API_SERVER_HOST: host, ...(key && { API_SERVER_KEY: key }) },
  });
  let thrown: unknown;
  try {
    ensureServerKey(config);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConfigError);
  return (thrown as ConfigError).message.replaceAll(config.home.path, "~");
}

describe("which addresses only this machine reaches", () => {
  it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])("%s", (host) => {
    expect(isLoopback(host)).toBe(true);
  });
  it.each([
    "0.0.0.0",
    "::",
    "192.168.1.2",
    "127.0.0.1.evil.example",
    "1127.0.0.1",
    "example.org",
    "",
  ])("not %j", (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe("on loopback", () => {
  it("a key is made at the first start, kept for this user alone, and found again", async () => {
    const directory = join(await home(), "new", "home");
    const first = ensureServerKey(load(directory));
    expect(first.created).toBe(true);
    expect(first.value).toMatch(/^hermes-[\w-]{32}$/);
    const file = join(directory, ".env");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await readFile(file, "utf8")).toBe(`API_SERVER_KEY=${first.value}\n`);
    expect(ensureServerKey(load(directory))).toEqual({ value: first.value, created: false });
  });

  it("on loopback of two first starts at the same time, the later one takes the key of the faster", async () => {
    const directory = await home();
    const [faster, later] = [load(directory), load(directory)];
    const { value } = ensureServerKey(faster);
    expect(ensureServerKey(later)).toEqual({ value, created: false });
  });

  it("two homes have two keys", async () => {
    const keys = await Promise.all(
      [home(), home()].map(async (directory) => ensureServerKey(load(await directory))),
    );
    expect(keys[0]?.value).not.toBe(keys[1]?.value);
  });

  it("what else stands in .env stays, an empty key goes, and the file is closed to others", async () => {
    const directory = await home();
    const file = join(directory, ".env");
    await writeFile(file, "# mine\nLLM_MODEL=x\nAPI_SERVER_KEY=\nexport API_SERVER_KEY=\n\n", {
      mode: 0o644,
    });
    const { value } = ensureServerKey(load(directory));
    expect(await readFile(file, "utf8")).toBe(`# mine\nLLM_MODEL=x\nAPI_SERVER_KEY=${value}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.each(["   ", "\t"])("a key of white space (%j) is none", async (key) => {
    const directory = await home();
    const { created } = ensureServerKey(load(directory, { variables: { API_SERVER_KEY: key } }));
    expect(created).toBe(true);
  });

  it.each(["short", "changeme"])("a weak key (%s) is taken, with a warning", async (key) => {
    const config = load(await home(), { variables: { API_SERVER_KEY: key } });
    expect(ensureServerKey(config)).toEqual({ value: key, created: false });
    expect(keyWarning(key)).toContain("weak");
    expect(keyWarning(STRONG)).toBeUndefined();
  });

  it("a key that cannot be stored is no key", async () => {
    const directory = await home();
    const config = load(directory);
    await symlink(directory, join(directory, ".env"));
    expect(() => ensureServerKey(config)).toThrow(
      /cannot be stored in .*\.env \(it is a directory\)\. Set API_SERVER_KEY\./,
    );
  });
});

describe("on any other address", () => {
  it.each(["0.0.0.0", "::", "192.168.1.2", "box.lan"])("%s needs a key of its own", async (host) => {
    const message = await refused(host);
    expect(message).toContain(`Listening on ${host} needs a key of its own`);
    expect(message).toContain("Set API_SERVER_KEY in ~/.env");
  });

  it("a key of 16 characters will do, from wherever it comes", async () => {
    const open = "gateway: {api_server: {host: 0.0.0.0}}";
    const inYaml = `gateway: {api_server: {host: 0.0.0.0, key: "${STRONG}"}}`;
    expect(ensureServerKey(load(await home({ yaml: inYaml }))).value).toBe(STRONG);
    expect(ensureServerKey(load(await home({ yaml: open, env: `API_SERVER_KEY=${STRONG}` }))).value).toBe(
      STRONG,
    );
  });

  it("a shorter one will not", async () => {
    expect(await refused("0.0.0.0", STRONG.slice(1))).toContain("shorter than 16 characters");
  });

  const short = "* ** *** changeme CHANGEME your_api_key your-api-key placeholder Example dummy null none";
  it.each(short.split(" "))("the placeholder %s is refused", async (key) => {
    expect(await refused("0.0.0.0", key)).toContain("is a placeholder");
  });

  it.each([
    "your_api_key_here",
    "your-api-key-here",
    "<your-secret-api-key>",
    "ChangeMe!ChangeMe!",
    "replace-with-openssl-rand-hex-32",
    "$(openssl rand -hex 32)",
    "$API_SERVER_KEY",
    "hermes-api-server-key",
    "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-1234567890abcdef1234",
    "my super secret password",
    "PASSWORD12345678",
    "example-key-000000000",
    "0123456789abcdef",
    "fedcba9876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "aaaaaaaaaaaaaaaa",
    "ababababababababab",
    "deadbeefdeadbeef",
    "qwertyuiopasdfgh",
    "00000000-0000-0000-0000-000000000000",
  ])("the key %s, long as it is, is refused as a placeholder, with the cure", async (key) => {
    const message = await refused("0.0.0.0", key);
    expect(message).toMatch(
      /is a placeholder or easily guessed.*Set API_SERVER_KEY in ~.*openssl rand -hex 32/,
    );
    expect(message).not.toContain(`key ${key}`);
  });

  it("a key that was made at random is never taken for a placeholder", () => {
    const made = [
      () => randomBytes(16).toString("hex"),
      () => randomBytes(32).toString("hex"),
      () => randomBytes(16).toString("base64url"),
      () => randomBytes(24).toString("base64"),
      () => `sk-${randomBytes(18).toString("base64url")}`,
      () => randomUUID(),
    ];
    const keys = made.flatMap((make) => Array.from({ length: 2_000 }, make));
    expect(keys.filter((key) => findWeakness(key) !== undefined)).toEqual([]);
  });
});

it.each([
  "schlüssel-der-lang-genug-ist",
  "with\nline-break-in-the-middle",
  " leading-space-0123456789",
  "emoji-🔑-0123456789",
])("the key %j could not be sent by any client, so it is refused on every address", async (key) => {
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    const message = await refused(host, key);
    expect(message).toContain("characters that no HTTP header carries");
    expect(message).not.toContain(key);
  }
});
