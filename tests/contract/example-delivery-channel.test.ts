import { expect, test, vi } from "vitest";
import { type FireBody, openJobsApp } from "../helpers/jobs-app.ts";
import { say } from "../helpers/scripted-provider.ts";
import { mailboxChannel } from "./example-delivery-channel/mailbox.ts";

test("a delivery channel is one object: jobs name its places, and their results arrive there", async () => {
  const box = new Map<string, string>();
  const channels = [mailboxChannel(new Map([["ann", box]]))];
  const { create, runNow, history } = await openJobsApp(() => say("Sunny."), { channels: channels });
  const { id } = await create({ prompt: "Look.", schedule: "@yearly", deliver: "mailbox:ann,mailbox:bob" });
  const fire = await runNow(id);
  const delivered = () => vi.waitFor(async () => readDeliveries(await history(id)), { timeout: 5_000 });
  expect(await delivered()).toEqual([
    { target: "mailbox:ann", status: "delivered" },
    { target: "mailbox:bob", status: "failed", error: "There is no such mailbox." },
  ]);
  expect([...box]).toEqual([[fire.id, "Sunny."]]);
});

test("a place that no channel takes is refused when the job is made", async () => {
  const { ask } = await openJobsApp([], { channels: [mailboxChannel(new Map())] });
  const body = { prompt: "Look.", schedule: "@yearly", deliver: "pigeon:ann" };
  const answer = await ask("/v1/jobs", { body });
  expect([answer.status, answer.json().error.param]).toEqual([400, "deliver"]);
});

interface DeliveryBody {
  target: string;
  status: string;
  error?: string;
}

/** @throws Error as long as a delivery is pending. */
function readDeliveries([fire]: readonly FireBody[]): DeliveryBody[] {
  const deliveries = fire?.["deliveries"] as DeliveryBody[];
  expect(deliveries.map(({ status }) => status)).not.toContain("pending");
  return deliveries.map(({ target, status, error }) => ({
    target,
    status,
    ...(error !== undefined && { error }),
  }));
}
