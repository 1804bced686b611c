import { createHash, createHmac } from "node:crypto";
import { WEBHOOK } from "../domain/delivery.ts";
import { invalidRequest } from "../domain/error.ts";
import type { Fire } from "../domain/job.ts";
import type { Clock } from "../lib/clock.ts";
import type { DestinationPolicy } from "../net/destination-policy.ts";
import { FetchError } from "../net/fetch-error.ts";
import type { SafeAnswer, SafeFetch } from "../net/safe-fetch.ts";
import { type DeliveryChannel, DeliveryError, type DeliveryMessage } from "./channel.ts";

/** What webhooks need. */
interface WebhookDeps {
  fetch: SafeFetch;
  places: DestinationPolicy;
  /** `whsec_` and base64; undefined: nothing can be signed, so webhooks are refused. */
  secret: string | undefined;
  clock: Clock;
  /** The body of a webhook; `time` prints instants. */
  printFire(fire: Fire, time: (at: number) => string): object;
}

const TIMEOUT_MS = 15_000;
const GONE = 410;

/**
 * Creates the channel `webhook:<url>`: the result is sent there as signed JSON. A 2xx status means delivered;
 * redirects are not followed.
 * @see https://www.standardwebhooks.com for the headers and the signature
 */
export function webhookChannel({ fetch, places, secret, clock, printFire }: WebhookDeps): DeliveryChannel {
  return {
    takes(target, param) {
      if (!target.startsWith(WEBHOOK)) return false;
      const refusal =
        secret === undefined ? "this server has no secret to sign it with" : findFault(target, places);
      if (refusal !== undefined)
        throw invalidRequest(param, `'${param}' names a webhook that is not sent: ${refusal}.`);
      return true;
    },
    async deliver(message, signal) {
      const body = writeBody(message, printFire);
      const id = webhookId(message);
      const headers = signed({ id, body, timestamp: Math.floor(clock.now() / 1_000), secret: secret ?? "" });
      const url = message.target.slice(WEBHOOK.length);
      const limits = { timeoutMs: TIMEOUT_MS, maxBytes: 0, maxRedirects: 0 };
      const answer = await sendOnce(() => fetch({ url, method: "POST", headers, body, signal, ...limits }));
      const { status } = answer;
      if (status >= 200 && status < 300) return {};
      throw new DeliveryError(`The receiver answered ${status}.`, {
        isFinal: status === GONE,
        ...(status !== GONE && { retryAfterMs: receiverWait(answer, clock.now()) }),
      });
    },
  };
}

/** Returns why a URL is not allowed; the text leaves out the URL, which may contain a secret. */
function findFault(target: string, places: DestinationPolicy): string | undefined {
  if (target.includes(",")) return "write a comma in it as %2C";
  try {
    places.check(target.slice(WEBHOOK.length));
    return undefined;
  } catch (error) {
    return (error as FetchError).message;
  }
}

async function sendOnce(send: () => Promise<SafeAnswer>): Promise<SafeAnswer> {
  try {
    return await send();
  } catch (error) {
    throw error instanceof FetchError ? new DeliveryError(`Not delivered: ${error.message}.`) : error;
  }
}

/** Returns the same id at each attempt, so that a receiver recognizes repetitions. */
function webhookId({ fire, target }: DeliveryMessage): string {
  return `msg_${createHash("sha256").update(`${fire.id} ${target}`).digest("hex").slice(0, 32)}`;
}

function writeBody({ job, fire }: DeliveryMessage, printFire: WebhookDeps["printFire"]): string {
  const at = new Date(fire.endedAt ?? fire.createdAt).toISOString();
  const type = fire.status === "completed" ? "job.completed" : "job.failed";
  return JSON.stringify({
    type,
    timestamp: at,
    data: { job: { id: job.id, name: job.name }, ...printFire(fire, (time) => new Date(time).toISOString()) },
  });
}

interface Message {
  id: string;
  body: string;
  /** Unix seconds. */
  timestamp: number;
  secret: string;
}

function signed({ id, body, timestamp, secret }: Message): Record<string, string> {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    "content-type": "application/json",
    "user-agent": "hermes-api-server",
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${signature}`,
  };
}

/** Returns the delay that a receiver asks for, ms; given in seconds or as a date. */
function receiverWait({ headers }: SafeAnswer, now: number): number {
  const text = headers.get("retry-after") ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
