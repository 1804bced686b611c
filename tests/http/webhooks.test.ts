import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Webhook } from "standardwebhooks";
import { describe, expect, test, vi } from "vitest";
import { type Answering, startReceiver } from "../helpers/receiver.ts";
import { fail, type Play, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const env = { JOBS_WEBHOOK_SECRET: SECRET };

interface FireBody {
  id: string;
  run_id: string;
  status: string;
  deliveries: {
    target: string;
    status: string;
    attempts: number;
    error?: string;
    file?: string;
    next_try_at: string | null;
  }[];
}

/** A server whose operator allows a receiver on this machine. */
async function open(answer?: Answering, play: Play = [say("Sunny.")]) {
  const receiver = await startReceiver(answer);
  const config = { network: { allow_private: [receiver.place] } };
  const app = await openTestApp({ provider: scriptedProvider(play), env, config });
  const fire = async (body: object) => {
    const job = (
      await app.ask("/v1/jobs", { body: { prompt: "Look.", schedule: "@yearly", ...body } })
    ).json<{ id: string }>();
    await app.ask(`/v1/jobs/${job.id}/run`, { method: "POST" });
    return job.id;
  };
  /** What became of the deliveries of a job's only fire. */
  const delivered = async (id: string, statuses: string[]) =>
    vi.waitFor(async () => {
      const [fired] = (await app.ask(`/v1/jobs/${id}/runs`)).json<{ data: FireBody[] }>().data;
      expect(fired?.deliveries.map(({ status }) => status)).toEqual(statuses);
      return fired as FireBody;
    }, 5_000);
  return { ...app, receiver, fire, delivered };
}

describe("a job's result", () => {
  test("a job's result goes to each place that the job names, signed where it is a webhook", async () => {
    const { fire, delivered, receiver, home, ask } = await open();
    const target = `webhook:${receiver.origin}/hook`;
    const id = await fire({ name: "Weather", deliver: ["local", target] });
    const fired = await delivered(id, ["delivered", "delivered"]);
    const [local, hook] = fired.deliveries;
    expect(hook).toEqual({ target, status: "delivered", attempts: 1, next_try_at: null });
    expect(await readFile(join(home, local?.file ?? ""), "utf8")).toBe("# Weather\n\nSunny.\n");
    const [request] = receiver.received;
    expect(new Webhook(SECRET).verify(request?.body ?? "", request?.headers ?? {})).toMatchObject({
      type: "job.completed",
      data: { id: fired.id, run_id: fired.run_id, job: { id, name: "Weather" }, output: "Sunny." },
    });
    expect((await ask("/health/detailed")).text).toContain(
      '"deliveries":{"delivered":2,"put_off":0,"failed":0}',
    );
    expect(await readdir(join(home, "cron", "output", id))).toEqual([expect.stringMatching(/Z\.md$/)]);
  });

  test("a job's result that does not arrive is tried again, and its run stays as it is", async () => {
    const { fire, delivered, receiver, ask } = await open((response) => response.writeHead(500).end());
    const id = await fire({ deliver: `webhook:${receiver.origin}/hook` });
    const isOver = async () => expect((await delivered(id, ["pending"])).deliveries[0]?.attempts).toBe(1);
    await vi.waitFor(isOver, 5_000);
    const fired = await delivered(id, ["pending"]);
    expect(fired.status).toBe("completed");
    expect(fired.deliveries[0]).toMatchObject({
      error: "The receiver answered 500.",
      next_try_at: expect.any(String),
    });
    expect((await ask(`/v1/jobs/${id}`)).json()).toMatchObject({
      last_status: "ok",
      last_delivery_error: null,
    });
  });

  test("a job's result that the receiver wants no more fails, and the job tells of it", async () => {
    const { fire, delivered, receiver, ask } = await open((response) => response.writeHead(410).end());
    const id = await fire({ deliver: `webhook:${receiver.origin}/hook` });
    await delivered(id, ["failed"]);
    expect((await ask(`/v1/jobs/${id}`)).json()).toMatchObject({
      last_delivery_error: "The receiver answered 410.",
    });
  });

  test("a job's result that is silent goes nowhere", async () => {
    const { fire, delivered, receiver } = await open(undefined, [say("[SILENT] Nothing new.")]);
    await delivered(await fire({ deliver: [`webhook:${receiver.origin}/hook`, "local"] }), [
      "silent",
      "silent",
    ]);
    expect(receiver.connections()).toBe(0);
  });

  test("a job's result is a failure where there is none, and goes where failures go", async () => {
    const { fire, delivered, receiver } = await open(undefined, [fail("auth")]);
    await delivered(
      await fire({ retry: { attempts: 0 }, failure_deliver: `webhook:${receiver.origin}/hook` }),
      ["delivered"],
    );
    expect(JSON.parse(receiver.received[0]?.body ?? "")).toMatchObject({
      type: "job.failed",
      data: { status: "failed" },
    });
  });
});

describe("a target", () => {
  test.each([
    ["telegram", '"telegram"'],
    ["telegram:123", '"telegram"'],
    ["origin", '"origin"'],
    ["all", '"all"'],
    ["local,discord", '"discord"'],
    ["webhook:", "no http:// or https:// URL"],
    ["webhook:ftp://example.com/", "no http:// or https:// URL"],
    ["webhook:example.com", "no http:// or https:// URL"],
    ["webhook:https://user:secret@example.com/", "user name or a password"],
    ["webhook:http://127.0.0.1/", "not a public one"],
    ["webhook:http://2130706433/", "not a public one"],
    ["webhook:http://localhost/", "not a public one"],
    ["webhook:http://[::1]/", "not a public one"],
    ["webhook:http://169.254.169.254/latest", "not a public one"],
  ])("a target that cannot be is refused at once: %s", async (target, why) => {
    const { ask } = await openTestApp({ env });
    for (const param of ["deliver", "failure_deliver"]) {
      const body = { name: "x", prompt: "x", schedule: "@daily", [param]: target };
      const refused = await ask("/v1/jobs", { body });
      expect([refused.status, refused.json().error.param]).toEqual([400, param]);
      expect(refused.json().error.message).toContain(why);
      expect(refused.json().error.message).not.toContain("secret");
      const flat = await ask("/api/jobs", { body });
      expect([flat.status, flat.json<{ error: string }>().error]).toEqual([
        400,
        expect.stringContaining(why),
      ]);
    }
  });

  test("a target with a comma is refused, since lists have commas", async () => {
    const { ask } = await openTestApp({ env });
    const refused = await ask("/v1/jobs", {
      body: { prompt: "x", schedule: "@daily", deliver: ["webhook:https://example.com/?a,b"] },
    });
    expect([refused.status, refused.json().error.message]).toEqual([400, expect.stringContaining("%2C")]);
  });

  test("a target counts once, and there are eight at most, also of a text", async () => {
    const { ask } = await openTestApp({ env });
    const hooks = (count: number) =>
      Array.from({ length: count }, (_, n) => `webhook:https://example.com/${"x".repeat(2_000)}${n}`).join();
    const made = async (deliver: string) =>
      ask("/v1/jobs", { body: { prompt: "x", schedule: "@daily", deliver } });
    expect((await made("local, local,session:a,local")).json<{ deliver: string }>().deliver).toBe(
      "local,session:a",
    );
    const eight = (await made(hooks(8))).json<{ id: string; deliver: string }>();
    expect(eight.deliver).toBe(hooks(8));
    // What was answered can be sent back.
    const { deliver } = eight;
    expect((await ask(`/v1/jobs/${eight.id}`, { method: "PATCH", body: { deliver } })).status).toBe(200);
    const refused = await made(hooks(9).replaceAll("x".repeat(2_000), ""));
    expect([refused.status, refused.json().error]).toMatchObject([
      400,
      { param: "deliver", message: expect.stringContaining("at most 8") },
    ]);
  });

  test("a target that is a webhook is refused where nothing can sign it", async () => {
    const { ask } = await openTestApp();
    const refused = await ask("/v1/jobs", {
      body: { prompt: "x", schedule: "@daily", deliver: "webhook:https://example.com/" },
    });
    expect([refused.status, refused.json().error.message]).toEqual([
      400,
      expect.stringContaining("no secret"),
    ]);
  });
});
