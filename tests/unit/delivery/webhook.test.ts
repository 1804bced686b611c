import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { DeliveryError, type DeliveryMessage } from "../../../src/delivery/channel.ts";
import { webhookChannel } from "../../../src/delivery/webhook.ts";
import type { Fire } from "../../../src/domain/job.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { DestinationPolicy } from "../../../src/net/destination-policy.ts";
import { createSafeFetch } from "../../../src/net/safe-fetch.ts";
import { fireFacts } from "../../../src/wire/hermes/jobs/object.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { type Answering, startReceiver } from "../../helpers/receiver.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const calm = new AbortController().signal;

/** A channel beside a receiver that it may send to. */
async function open(answer?: Answering) {
  const receiver = await startReceiver(answer);
  const places = new DestinationPolicy([receiver.place]);
  const channel = webhookChannel({
    places,
    fetch: createSafeFetch({ places }),
    secret: SECRET,
    clock: systemClock,
    printFire: fireFacts,
  });
  const job = aJob({ name: "Weather" });
  const result = (terms: Partial<Fire> = {}, path = "/hook?key=secret"): DeliveryMessage => {
    const fire = aFire(job.id, {
      status: "completed",
      endedAt: 5_000,
      output: "Sunny.",
      runId: "run_1",
      ...terms,
    });
    return { job, fire, target: `webhook:${receiver.origin}${path}`, text: "Sunny." };
  };
  const failure = async () => {
    const error = await channel.deliver(result(), calm).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeliveryError);
    const { message, retryAdvice } = error as DeliveryError;
    expect(message).not.toMatch(/secret|127\.0\.0\.1/);
    return { message, ...retryAdvice };
  };
  return { ...receiver, channel, job, result, failure };
}

describe("a webhook", () => {
  test("a webhook says what a fire came to, in a form that Standard Webhooks verifies", async () => {
    const { channel, result, received, job } = await open();
    const sent = result();
    await channel.deliver(sent, calm);
    const [request] = received;
    expect(request).toMatchObject({
      method: "POST",
      path: "/hook?key=secret",
      headers: { "content-type": "application/json" },
    });
    const read = new Webhook(SECRET).verify(request?.body ?? "", request?.headers ?? {});
    expect(read).toMatchObject({
      type: "job.completed",
      timestamp: "1970-01-01T00:00:05.000Z",
      data: {
        job: { id: job.id, name: "Weather" },
        id: sent.fire.id,
        run_id: "run_1",
        status: "completed",
        output: "Sunny.",
        reason: null,
        usage: null,
        started_at: null,
        ended_at: "1970-01-01T00:00:05.000Z",
        scheduled_for: expect.any(String),
      },
    });
    expect(() =>
      new Webhook(`whsec_${Buffer.alloc(32, 8).toString("base64")}`).verify(
        request?.body ?? "",
        request?.headers ?? {},
      ),
    ).toThrow();
  });

  test("a webhook tells of a failure by its type", async () => {
    const { channel, result, received } = await open();
    await channel.deliver(result({ status: "failed", reason: "No model." }), calm);
    expect(JSON.parse(received[0]?.body ?? "")).toMatchObject({
      type: "job.failed",
      data: { reason: "No model." },
    });
  });

  test("a webhook keeps its id and its body when it comes again; another target and another fire have their own", async () => {
    const { channel, result, received } = await open();
    const sent = result();
    const elsewhere = { ...sent, target: `${sent.target}2` };
    for (const each of [sent, sent, elsewhere, result()]) await channel.deliver(each, calm);
    const ids = received.map(({ headers }) => headers["webhook-id"]);
    expect(ids[0]).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect(received[1]?.body).toBe(received[0]?.body);
  });

  test("a webhook arrives with any 2xx, however much the receiver says", async () => {
    const { channel, result, received } = await open((response, _request, n) => {
      response.statusCode = n === 1 ? 204 : 200;
      if (n === 2) for (let sent = 0; sent < 200; sent++) response.write(Buffer.alloc(65_536));
      else response.end();
    });
    expect(await channel.deliver(result(), calm)).toEqual({});
    expect(await channel.deliver(result(), calm)).toEqual({});
    expect(received).toHaveLength(2);
  });

  test("a webhook that is redirected did not arrive, and goes nowhere else", async () => {
    const { failure, received } = await open((response) =>
      response.writeHead(307, { location: "/else" }).end(),
    );
    expect(await failure()).toMatchObject({ message: "The receiver answered 307.", isFinal: false });
    expect(received).toHaveLength(1);
  });

  test.each([
    [500, {}, { isFinal: false, retryAfterMs: 0 }],
    [404, {}, { isFinal: false, retryAfterMs: 0 }],
    [410, {}, { isFinal: true }],
    [429, { "retry-after": "120" }, { isFinal: false, retryAfterMs: 120_000 }],
    [503, { "retry-after": "soon" }, { isFinal: false, retryAfterMs: 0 }],
    [503, { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, { isFinal: false, retryAfterMs: 0 }],
  ])("a webhook that is answered %i %j goes on so: %j", async (status, headers, retryAdvice) => {
    const { failure } = await open((response) => response.writeHead(status, headers).end());
    expect(await failure()).toEqual({ message: `The receiver answered ${status}.`, ...retryAdvice });
  });

  test("a webhook waits until the date that a receiver names", async () => {
    const { failure } = await open((response) =>
      response.writeHead(503, { "retry-after": new Date(Date.now() + 60_000).toUTCString() }).end(),
    );
    const { retryAfterMs = 0 } = await failure();
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test("a webhook whose connection is dropped did not arrive", async () => {
    const { failure } = await open((response) => response.socket?.destroy());
    expect(await failure()).toEqual({ message: "Not delivered: the connection failed." });
  });

  test("a webhook that a stop cuts off is no failure of its own", async () => {
    const stop = new AbortController();
    const { channel, result } = await open(() => stop.abort(new Error("stopped")));
    await expect(channel.deliver(result(), stop.signal)).rejects.toThrow("stopped");
  });
});
