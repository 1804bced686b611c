import { isIP } from "node:net";

/** A place of somebody's own network, as an operator writes it; without a port every one of its ports is meant. */
export type PrivatePlace = { port: number | undefined } & (
  | { kind: "network"; address: string; prefix: number }
  | { kind: "name"; name: string }
);

const FORM = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;
const NETWORK = /^(.+)\/(\d{1,3})$/;
/** Bits of an address, by its family. */
const BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };
const NAME = /^(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
/** What URLs read as an address, also in the forms that nobody should write. */
const NUMERIC = /(^|\.)(0x[0-9a-f]*|\d+)$/;

/**
 * Reads `10.0.0.5`, `127.0.0.1:5678`, `192.168.1.0/24`, `[::1]:5678`, `fd00::/8`, `n8n.lan` or `n8n.lan:5678`; undefined
 * for anything else.
 */
export function parsePlace(text: string): PrivatePlace | undefined {
  const [, bracketed, plain, digits] = FORM.exec(text) ?? [];
  const host = (bracketed ?? plain ?? text).toLowerCase();
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port === 0 || port > 65_535)) return undefined;
  const network = parseNetwork(host);
  if (network !== undefined) return { kind: "network", ...network, port };
  const isName = bracketed === undefined && NAME.test(host) && !NUMERIC.test(host);
  return isName ? { kind: "name", name: host, port } : undefined;
}

function parseNetwork(host: string): { address: string; prefix: number } | undefined {
  const [, address = host, bits] = NETWORK.exec(host) ?? [];
  const all = BITS[isIP(address)];
  const prefix = bits === undefined ? all : Number(bits);
  return all === undefined || prefix === undefined || prefix > all ? undefined : { address, prefix };
}
