import { expect, test } from "vitest";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

test("wrong keys get a 429 after 20 in a minute, the right key is taken all the time, and one line is logged", async () => {
  const { ask, log } = await openTestApp();
  const statusOf = async (key: string) => {
    const answer = await ask("/v1/models", { headers: { authorization: `Bearer ${key}` } });
    return { status: answer.status, answer };
  };
  for (let n = 1; n <= 20; n++) expect((await statusOf(`wrong-${n}`)).status).toBe(401);
  const { answer } = await statusOf("wrong-21");
  expect([answer.status, answer.json().error.code]).toEqual([429, "too_many_wrong_keys"]);
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(50);
  expect(answer.headers["x-should-retry"]).toBe("false");
  expect((await statusOf(TEST_KEY)).status).toBe(200);
  expect(log.map(({ level, msg }) => [level, msg])).toEqual([[40, "a wrong API key came from 127.0.0.1"]]);
});

test("a request without a key is no guess: it gets its 401 however often it comes", async () => {
  const { ask, log } = await openTestApp();
  for (let n = 0; n < 25; n++) {
    const answer = await ask("/v1/models", { headers: { authorization: undefined } });
    expect(answer.status).toBe(401);
  }
  expect(log).toEqual([]);
});
