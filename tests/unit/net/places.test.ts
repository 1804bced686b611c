import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parsePlace } from "../../../src/lib/place.ts";
import { DestinationPolicy } from "../../../src/net/destination-policy.ts";
import type { FetchError } from "../../../src/net/fetch-error.ts";

const nowhere = new DestinationPolicy([]);

function verdict(places: DestinationPolicy, url: string): string {
  try {
    places.check(url);
    return "allowed";
  } catch (error) {
    return (error as FetchError).kind;
  }
}

describe("a URL", () => {
  test.each([
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http:127.0.0.1",
    "http:\\\\127.0.0.1\\",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.01/",
    "http://0/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    "http://\t127.0.0.1/",
    "http://localhost:9/",
    "http://LOCALHOST./",
    "http://a.localhost/",
    "http://ⓛocalhost/",
    "http://169.254.169.254/latest/meta-data",
    "http://0xA9FEA9FE/",
    "http://168.63.129.16/",
    "http://100.100.100.200/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[fe80::1]/",
    "http://[fec0::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[4000::1]/",
    "http://[2001:db8::1]/",
  ])("a URL of an address that is not public is refused: %s", (url) => {
    expect(verdict(nowhere, url)).toBe("blocked");
  });

  test.each([
    ["file:///etc/passwd", "url"],
    ["gopher://127.0.0.1:70/", "url"],
    ["ftp://example.com/", "url"],
    ["javascript:alert(1)", "url"],
    ["data:text/plain,x", "url"],
    ["//example.com/", "url"],
    ["example.com", "url"],
    ["http://", "url"],
    ["http://[fe80::1%25lo]/", "url"],
    ["http://999.1.1.1/", "url"],
    ["http://user@example.com/", "credentials"],
    ["http://:secret@example.com/", "credentials"],
    ["http://example.com@127.0.0.1/", "credentials"],
    ["http://a@b@127.0.0.1/", "credentials"],
    ["http://example.com:0/", "port"],
  ])("%s is refused (%s)", (url, kind) => {
    expect(verdict(nowhere, url)).toBe(kind);
  });

  test.each([
    "http://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://example.com:8443/a?b",
    // The host ends at the backslash, for whoever checks and for whoever connects.
    "http://example.com\\@127.0.0.1/",
  ])("a URL of a public place is taken: %s", (url) => {
    expect(verdict(nowhere, url)).toBe("allowed");
  });

  test("a URL of any private address, however its number is written, is refused", () => {
    const octet = fc.nat(255);
    const first = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), octet),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 })),
      fc.constantFrom([192, 168], [169, 254]),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 })),
      fc.tuple(fc.integer({ min: 224, max: 255 }), octet),
    );
    const address = fc.tuple(first, octet, octet).map(([[a, b], c, d]) => [a, b, c, d] as number[]);
    const radix = fc.constantFrom(
      (n: number) => String(n),
      (n: number) => `0x${n.toString(16)}`,
      (n: number) => `0${n.toString(8)}`,
    );
    const written = fc.tuple(address, fc.array(radix, { minLength: 4, maxLength: 4 }), fc.nat(5));
    fc.assert(
      fc.property(written, ([bytes, radices, form]) => {
        const host = hostOf(bytes, { radices, form });
        expect([host, verdict(nowhere, `http://${host}/`)]).toEqual([host, "blocked"]);
      }),
      { numRuns: 3_000 },
    );
  });
});

/** One of the ways in which an address can stand in a URL. */
function hostOf(
  bytes: number[],
  { radices, form }: { radices: ((n: number) => string)[]; form: number },
): string {
  const dotted = bytes.join(".");
  const whole = bytes.reduce((number, byte) => number * 256 + byte, 0);
  const [a = 0, b = 0] = bytes;
  const print = radices[0] ?? String;
  const parts = bytes.map((byte, at) => (radices[at] ?? String)(byte));
  const forms = [
    parts.join("."),
    print(whole),
    `${parts[0]}.${print(whole % 2 ** 24)}`,
    `[::ffff:${dotted}]`,
    `[64:ff9b::${dotted}]`,
    `[2002:${(a * 256 + b).toString(16)}::]`,
  ];
  return forms[form] ?? dotted;
}

describe("what the operator allows", () => {
  test.each([
    ["127.0.0.1:5678", "http://127.0.0.1:5678/", "allowed"],
    ["127.0.0.1:5678", "http://2130706433:5678/", "allowed"],
    ["127.0.0.1:5678", "http://[::ffff:127.0.0.1]:5678/", "allowed"],
    ["127.0.0.1:5678", "http://localhost:5678/", "allowed"],
    ["127.0.0.1:5678", "http://127.0.0.1:5679/", "blocked"],
    ["127.0.0.1:5678", "http://127.0.0.2:5678/", "blocked"],
    ["127.0.0.1:443", "https://127.0.0.1/", "allowed"],
    ["192.168.1.0/24", "http://192.168.1.77:8080/", "allowed"],
    ["192.168.1.0/24", "http://192.168.2.1/", "blocked"],
    ["192.168.1.0/24:80", "http://192.168.1.1:81/", "blocked"],
    ["[::1]:80", "http://[::1]/", "allowed"],
    ["fd00::/8", "http://[fd12::1]/", "allowed"],
    ["localhost:80", "http://localhost/", "allowed"],
    ["localhost:80", "http://127.0.0.1/", "blocked"],
  ])("%s: %s is %s", (place, url, expected) => {
    expect(verdict(new DestinationPolicy([place]), url)).toBe(expected);
  });

  test("a name is trusted as a whole, whatever its case, and no part of another", () => {
    const places = new DestinationPolicy(["n8n.lan:5678"]);
    const names = ["n8n.lan", "N8N.LAN.", "xn8n.lan", "a.n8n.lan", "n8n.lan.example.com"];
    expect(names.map((name) => places.allowsName(name, 5678))).toEqual([true, true, false, false, false]);
    expect(places.allowsName("n8n.lan", 80)).toBe(false);
  });

  test.each([
    "",
    "*",
    "http://n8n.lan",
    "n8n.lan/hook",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0.1:0",
    "a:70000",
    "0x7f.1",
    "127.1",
    "[n8n.lan]",
    "user@host",
    "fd00::1]",
  ])("%j is no such place", (text) => {
    expect(parsePlace(text)).toBeUndefined();
  });
});
