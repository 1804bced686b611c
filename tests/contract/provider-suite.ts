import { grow } from "../../src/domain/delta.ts";
import { textMessage } from "../../src/domain/item.ts";
import { PROTOCOLS } from "../../src/providers/catalogue.ts";
import type { CallPolicy } from "../../src/providers/protocol.ts";
import {
  type ModelEvent,
  type ModelItem,
  type ModelRequest,
  type ModelResult,
  type Provider,
  ProviderError,
} from "../../src/providers/provider.ts";
import { completeUpstream, createProvider } from "../../src/providers/upstream.ts";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import type { Protocol, Script } from "../fake-upstream/script.ts";

/** A protocol under the shared contract: our name for it and the fake's. */
export interface Kind {
  protocol: "chat-completions" | "anthropic-messages";
  wire: Protocol;
}

/** The protocols that every shared test runs over. */
export const KINDS: readonly Kind[] = [
  { protocol: "chat-completions", wire: "chat" },
  { protocol: "anthropic-messages", wire: "messages" },
];

/** A model that both protocols take, and that Anthropic's answers in one piece when its limit is small. */
export const MODEL = "claude-sonnet-4-5";

/** An upstream and a provider that talks to it. */
export interface Setup extends AsyncDisposable {
  upstream: FakeUpstream;
  provider: Provider;
}

const POLICY: CallPolicy = { timeoutMs: 5_000, idleTimeoutMs: 5_000, maxRetries: 0 };

/** Opens both; nothing is retried unless the policy says so. */
export async function setUp(kind: Kind, script: Script, policy: Partial<CallPolicy> = {}): Promise<Setup> {
  const upstream = await FakeUpstream.start(script);
  const provider = connect(kind, upstream.origin, policy);
  return {
    upstream,
    provider,
    [Symbol.asyncDispose]: async () => {
      await provider.close();
      await upstream.close();
    },
  };
}

/** The key that the upstream gets; no error may repeat it. */
export const KEY = "sk-canary-0123456789";

/** A provider for an address, wired as the server wires it. */
export function connect(
  kind: Kind,
  baseUrl: string,
  policy: Partial<CallPolicy> = {},
  apiKey = KEY,
): Provider {
  const settings = { provider: kind.protocol, baseUrl, apiKey, model: MODEL };
  return createProvider(completeUpstream(settings, { keys: {}, protocols: PROTOCOLS }), {
    ...POLICY,
    ...policy,
  });
}

/** A request, by default the shortest; the output limit keeps Anthropic's provider from streaming by itself. */
export function ask(overrides: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: MODEL,
    core: "",
    instructions: undefined,
    items: [textMessage("user", "Hello?")],
    tools: [],
    toolChoice: { mode: "auto" },
    settings: { maxOutputTokens: 1_000 },
    stream: true,
    ...overrides,
  };
}

/** What a call brought; `reads` has the events as the sink got them. */
export interface Outcome {
  result: ModelResult;
  reads: ModelEvent[][];
  events: ModelEvent[];
}

/** Asks and keeps everything. */
export async function generate(
  provider: Provider,
  request: ModelRequest = ask(),
  signal: AbortSignal = new AbortController().signal,
): Promise<Outcome> {
  const reads: ModelEvent[][] = [];
  const result = await provider.generate(request, (events) => reads.push(events), signal);
  return { result, reads, events: reads.flat() };
}

/** The error of a call that must fail. @throws Error when it does not, or fails in another way. */
export async function failure(
  provider: Provider,
  request: ModelRequest = ask(),
): Promise<ProviderError & { events: ModelEvent[] }> {
  const events: ModelEvent[] = [];
  const call = provider.generate(request, (some) => events.push(...some), new AbortController().signal);
  const error = await call.then(
    (result) => new Error(`expected a failure, got ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw error;
  return Object.assign(error, { events });
}

/** What the events alone add up to. */
export function foldEvents(events: readonly ModelEvent[]): ModelItem[] {
  const items: ModelItem[] = [];
  for (const event of events) {
    if (event.type === "item") items[event.index] = structuredClone(event.item);
    else if (event.type === "delta") grow(items[event.index] as ModelItem, event.channel, event.delta);
  }
  return items;
}

/** Items without what only their maker reads, which no event carries. */
export function visible(items: readonly ModelItem[]): ModelItem[] {
  return items.map((item) => {
    if (item.type !== "reasoning" || item.maker === undefined) return item;
    const { protocol, model } = item.maker;
    return { ...item, maker: { protocol, model } };
  });
}

/** All text of one kind in an answer. */
export function textIn(items: readonly ModelItem[], type: "output_text" | "refusal" = "output_text"): string {
  const parts = items.flatMap((item) => (item.type === "message" ? item.content : []));
  return parts
    .map((part) =>
      part.type !== type ? "" : part.type === "refusal" ? part.refusal : "text" in part ? part.text : "",
    )
    .join("");
}

/** All reasoning in an answer. */
export function reasoningIn(items: readonly ModelItem[]): string {
  return items
    .flatMap((item) => (item.type === "reasoning" ? item.summary : []))
    .map((part) => part.text)
    .join("");
}

/** The calls in an answer. */
export function callsIn(items: readonly ModelItem[]): { name: string; arguments: string }[] {
  return items.flatMap((item) =>
    item.type === "function_call" ? [{ name: item.name, arguments: item.arguments }] : [],
  );
}
