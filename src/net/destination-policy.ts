import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type PrivatePlace, parsePlace } from "../lib/place.ts";
import { FetchError } from "./fetch-error.ts";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Public by its number, but answered within a cloud: its machines' own secrets. */
const NOT_PUBLIC: ReadonlySet<string> = new Set(["168.63.129.16"]);
/** What is assigned to the public; IPv6 beyond it holds forms that lead back to IPv4, such as ::127.0.0.1. */
const PUBLIC_V6 = ipaddr.IPv6.parseCIDR("2000::/3");
const LOOPBACK = ["127.0.0.1", "::1"];

/** Where requests may go: to every public address, and to what the operator has allowed. */
export class DestinationPolicy {
  readonly #allowed: readonly PrivatePlace[];

  /** @param allowed entries as `parsePlace` reads them; any other allows nothing. */
  constructor(allowed: readonly string[]) {
    this.#allowed = allowed.map(parsePlace).filter((place) => place !== undefined);
  }

  /** Whether an address, as `node:net` knows it, may be connected to. */
  allowsAddress(text: string, port: number): boolean {
    if (isIP(text) === 0) return false;
    const address = ipaddr.process(text);
    return isPublic(address) || this.#allowed.some((place) => isWithin(place, address, port));
  }

  /** Whether the operator trusts a name, wherever it leads. */
  allowsName(name: string, port: number): boolean {
    const plain = name.toLowerCase().replace(/\.$/, "");
    return this.#allowed.some(
      (place) => place.kind === "name" && place.name === plain && (place.port ?? port) === port,
    );
  }

  /** The URL, read once: what was looked at is what is asked. @throws FetchError when nothing may be sent there. */
  check(text: string): URL {
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") throw new FetchError("url");
    if (url.username !== "" || url.password !== "") throw new FetchError("credentials");
    if (url.port === "0") throw new FetchError("port");
    const host = bareHost(url);
    const port = effectivePort(url);
    const literals = isIP(host) !== 0 ? [host] : isLocal(host) ? LOOPBACK : [];
    const isBlocked = literals.length > 0 && !literals.some((address) => this.allowsAddress(address, port));
    if (isBlocked && !this.allowsName(host, port)) throw new FetchError("blocked");
    return url;
  }
}

/** A URL's host without the brackets of IPv6. */
function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** The port that a URL or a connection names, or its protocol's own. */
export function effectivePort({ port, protocol }: { port: string; protocol: string }): number {
  return Number(port) || (protocol === "https:" ? 443 : 80);
}

function isLocal(name: string): boolean {
  return /(^|\.)localhost\.?$/i.test(name);
}

function isPublic(address: Address): boolean {
  if (address.range() !== "unicast" || NOT_PUBLIC.has(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || address.match(PUBLIC_V6);
}

function isWithin(place: PrivatePlace, address: Address, port: number): boolean {
  if (place.kind !== "network" || (place.port ?? port) !== port) return false;
  const network = ipaddr.process(place.address);
  return network.kind() === address.kind() && address.match(network, place.prefix);
}
