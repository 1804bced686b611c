import { type ApiError, tooManyWrongKeys } from "../domain/error.ts";

/** What is known about a source since its last log line. */
interface Tally {
  /** Its wrong keys since then. */
  count: number;
  /** When a minute of it is over, monotonic ms. */
  endsAt: number;
}

const MINUTE_MS = 60_000;

/** Wrong keys of one source in a minute before it is told to wait. */
const MAX_PER_MINUTE = 20;

/** Sources that are told apart; further ones are counted as one, which bounds the memory and the log. */
const MAX_SOURCES = 256;
const FURTHER = "further addresses";

/**
 * Counts wrong keys by where they come from, and logs at most one line per source and minute: the first at once, then
 * how many more there were. It locks nobody out: a whole network, or all who come by one proxy, can be one source.
 */
export class WrongKeys {
  readonly #warn: (message: string) => void;
  readonly #tallies = new Map<string, Tally>();
  /** The last refusal: creating it anew for each key would cost more than the rest. */
  #refusal: ApiError | undefined;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Counts one; returns the refusal of its source, a 429, when it sent too many. */
  count(address = "an unknown address"): ApiError | undefined {
    const known = toSource(address);
    const source = this.#tallies.has(known) || this.#tallies.size < MAX_SOURCES ? known : FURTHER;
    const tally = this.#tallies.get(source);
    if (tally === undefined) {
      this.#warn(`a wrong API key came from ${source}`);
      this.#watch(source, 1);
      return undefined;
    }
    tally.count++;
    return tally.count > MAX_PER_MINUTE ? this.#refuse(tally.endsAt - performance.now()) : undefined;
  }

  #refuse(waitMs: number): ApiError {
    const seconds = Math.ceil(waitMs / 1_000);
    if (this.#refusal?.failure.retryAfterMs !== seconds * 1_000)
      this.#refusal = tooManyWrongKeys(seconds * 1_000);
    return this.#refusal;
  }

  #watch(source: string, count: number): void {
    const tally = { count, endsAt: performance.now() + MINUTE_MS };
    this.#tallies.set(source, tally);
    setTimeout(() => this.#tell(source, tally.count - count), MINUTE_MS).unref();
  }

  #tell(source: string, more: number): void {
    if (more === 0) {
      this.#tallies.delete(source);
      return;
    }
    this.#warn(`${more} more wrong API ${more === 1 ? "key" : "keys"} came from ${source} within a minute`);
    this.#watch(source, 0);
  }
}

/** The address that a key came from; of IPv6 the network (/64), because one customer has all addresses of it. */
export function toSource(address: string): string {
  if (!address.includes(":") || address === "::1") return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [left = "", right = ""] = address.replace(/%.*$/, "").split("::");
  const [head, tail] = [left, right].map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: 8 - (head?.length ?? 0) - (tail?.length ?? 0) }, () => "0");
  const groups = [...(head ?? []), ...zeros, ...(tail ?? [])];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
