import type { Provider } from "./provider.ts";

/** One upstream with everything that a request to it needs. */
export interface Upstream {
  /** Its name in settings, in requests and in the log. */
  name: string;
  protocol: Protocol;
  /** As `Protocol.endpoint` returned it, for example `http://127.0.0.1:11434/v1`; "" for a model inside this process. */
  baseUrl: string;
  apiKey: string | undefined;
  /** Undefined: the first model that the upstream lists. */
  model: string | undefined;
}

/** How long calls may take and how often they are repeated. */
export interface CallPolicy {
  /** Until the answer begins, and for the whole of an answer that is not streamed. */
  timeoutMs: number;
  /** Longest silence within a stream. */
  idleTimeoutMs: number;
  /** Repeats after the first try. */
  maxRetries: number;
}

/**
 * A wire format: all that the rest of the server knows of it. An implementation is one folder in `protocols/` and one
 * entry in the list in `catalogue.ts`; tests/contract/example-protocol shows the smallest one. It holds no state;
 * connections and caches belong to the providers that it creates.
 */
export interface Protocol {
  /** Its name in settings and in stored reasoning items, which go back only to the protocol that made them. */
  readonly name: string;
  /** Other names that settings may use for it. */
  readonly aliases: readonly string[];
  /**
   * Whether an upstream that is known only by its address and model speaks this protocol. The protocols are asked in
   * the order of the list and the first yes decides; after a no from all, the first of the list is used.
   */
  recognises(url: URL, model: string | undefined): boolean;
  /**
   * Returns the address below which the protocol's paths are, for a base URL as people write it: with or without a
   * version segment, a trailing slash or the full path of a call.
   */
  endpoint(baseUrl: string): string;
  /** Returns the headers that every request to the upstream carries, the credential included. */
  headers(upstream: Upstream): Record<string, string>;
  /**
   * Creates a provider for the upstream; nothing is connected before the first call. It makes each call once: repeating
   * failed calls is the caller's task.
   */
  create(upstream: Upstream, policy: CallPolicy): Provider;
  /**
   * Returns the ids of all models that the upstream offers, in any order.
   * @throws Error when the upstream refuses or does not answer.
   */
  listModels(upstream: Upstream): Promise<string[]>;
}

/** A list of protocols, in the order in which they are asked; see `Protocol.recognises`. */
export type Protocols = readonly [Protocol, ...Protocol[]];
