import { expect, test } from "vitest";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";
import { UPLOADS } from "../helpers/uploads.ts";

test.each(UPLOADS)(
  "a body of 11 MB that %s sends is refused by a 413 that it reads, 20 of 20 times",
  { timeout: 60_000 },
  async (_client, upload) => {
    const server = await serve({ cwd: await temporaryDirectory(), env: { API_SERVER_KEY: TEST_KEY } });
    const outcomes: string[] = [];
    for (let n = 0; n < 20; n++)
      outcomes.push(await upload(`${server.origin}/v1/chat/completions`, 11_000_000));
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => "413"));
  },
);
