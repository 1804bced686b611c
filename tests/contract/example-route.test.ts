import { expect, test } from "vitest";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";
import { wordCountRoute } from "./example-route/word-count.ts";

async function open() {
  const { app } = await openTestApp({ parts: [{ name: "word-count", routes: wordCountRoute }] });
  return async (payload: object, { url = "/v1/word-count", key = TEST_KEY } = {}) => {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await app.http.inject({ method: "POST", url, headers, payload });
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  };
}

test("an added route answers at its path, with and without the version", async () => {
  const ask = await open();
  for (const url of ["/v1/word-count", "/word-count"])
    expect(await ask({ text: "one  two three" }, { url })).toMatchObject({ status: 200, body: { words: 3 } });
});

test("an added route refuses wrong keys and bodies as all routes do", async () => {
  const ask = await open();
  expect((await ask({ text: "one" }, { key: "wrong" })).status).toBe(401);
  const wrong = await ask({ text: 1 });
  expect([wrong.status, wrong.body.error]).toEqual([
    400,
    expect.objectContaining({ param: "text", type: "invalid_request_error" }),
  ]);
  expect((await ask({ text: "one", more: true })).body.error).toMatchObject({
    param: "more",
    code: "unknown_parameter",
  });
  expect(wrong.headers["x-request-id"]).toMatch(/^req_/);
});
