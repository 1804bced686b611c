import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type App, createApp } from "../../../src/app/app.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";

/** A server with a home and a workspace of its own, which answers with the demo. */
async function open(name: string, key: string): Promise<App> {
  const directory = await temporaryDirectory();
  const home = join(directory, "home");
  await mkdir(home);
  await writeFile(join(directory, `${name}.txt`), "");
  const env = { HERMES_HOME: home, LLM_PROVIDER: "demo", API_SERVER_MODEL_NAME: name, LOG_LEVEL: "silent" };
  const app = await createApp(loadConfig({ env, cwd: directory }), key);
  onTestFinished(() => app.close());
  return app;
}

async function ask(app: App, key: string, text: string, headers: Record<string, string> = {}) {
  const response = await app.http.inject({
    method: "POST",
    url: "/v1/chat/completions",
    headers: { authorization: `Bearer ${key}`, ...headers },
    payload: { messages: [{ role: "user", content: text }] },
  });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}

async function modelsOf(app: App, key: string): Promise<string[]> {
  const response = await app.http.inject({ url: "/v1/models", headers: { authorization: `Bearer ${key}` } });
  return response.json<{ data: { id: string }[] }>().data.map(({ id }) => id);
}

it("two servers in one process share no key, no model, no workspace and no session", async () => {
  const [one, two] = await Promise.all([open("one", "key-of-one"), open("two", "key-of-two")]);
  expect(await modelsOf(one, "key-of-one")).toEqual(["one", "one-lite"]);
  expect(await modelsOf(two, "key-of-two")).toEqual(["two", "two-lite"]);
  expect((await ask(one, "key-of-two", "hello")).status).toBe(401);
  expect((await ask(two, "key-of-one", "hello")).status).toBe(401);

  const session = { "x-hermes-session-id": "the-same-name" };
  const [inOne, inTwo] = await Promise.all([
    ask(one, "key-of-one", "list the files here", session),
    ask(two, "key-of-two", "list the files here", session),
  ]);
  const [textOfOne, textOfTwo] = [inOne, inTwo].map(({ body }) => JSON.stringify(body));
  expect([inOne.status, inTwo.status]).toEqual([200, 200]);
  expect(textOfOne).toContain("one.txt");
  expect(textOfOne).not.toContain("two.txt");
  expect(textOfTwo).toContain("two.txt");
  expect(textOfTwo).not.toContain("one.txt");
  expect(inOne.headers["x-hermes-run-id"]).not.toBe(inTwo.headers["x-hermes-run-id"]);
});

it("a server that closes leaves the other one working", async () => {
  const [one, two] = await Promise.all([open("one", "key-of-one"), open("two", "key-of-two")]);
  const before = await ask(two, "key-of-two", "list the files here");
  await one.close();
  const after = await ask(two, "key-of-two", "list the files here");
  expect([before.status, after.status]).toEqual([200, 200]);
  expect((await two.http.inject("/ready")).statusCode).toBe(200);
});
