import { expect, test } from "vitest";
import { webhookChannel } from "../../src/delivery/webhook.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { DestinationPolicy } from "../../src/net/destination-policy.ts";
import { createSafeFetch } from "../../src/net/safe-fetch.ts";
import { fireFacts } from "../../src/wire/hermes/jobs/object.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { aFire, aJob } from "../helpers/jobs.ts";
import { TestProcess } from "../helpers/process.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { textOf } from "../helpers/sources.ts";

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;

test("the receiver that the guide shows takes what is signed with its secret, and nothing else", async () => {
  const [, code = ""] = /^```js\n([\s\S]*?)^```$/m.exec(textOf("docs/guides/jobs.md")) ?? [];
  const cwd = await temporaryDirectory();
  const port = (await startReceiver()).place.split(":")[1] ?? "";
  const other = String(Number(port) + 1);
  const receiver = new TestProcess(
    process.execPath,
    ["--input-type=module", "-e", code.replaceAll("5678", other)],
    {
      cwd,
      env: { JOBS_WEBHOOK_SECRET: secretOf(1) },
    },
  );
  await receiver.says(/waiting/);
  const places = new DestinationPolicy(["127.0.0.1"]);
  const job = aJob();
  const fire = aFire(job.id, { status: "completed", output: "Nothing changed." });
  const send = (secret: string, clock = systemClock) =>
    webhookChannel({
      places,
      fetch: createSafeFetch({ places }),
      secret,
      clock,
      printFire: fireFacts,
    }).deliver(
      { job, fire, target: `webhook:http://127.0.0.1:${other}/`, text: "" },
      new AbortController().signal,
    );
  const yesterday = { ...systemClock, now: () => Date.now() - 86_400_000 };
  await expect(send(secretOf(2))).rejects.toThrow("answered 401");
  await expect(send(secretOf(1), yesterday)).rejects.toThrow("answered 401");
  await send(secretOf(1));
  await receiver.says(/Nothing changed\./);
});
