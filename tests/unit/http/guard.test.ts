import type { FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import { createGuard, type GuardOptions } from "../../../src/http/guard.ts";
import { refusalOf } from "../../helpers/chat.ts";

const OPTIONS: GuardOptions = { allowedHosts: [], loopback: true, origins: [] };

interface Asked {
  host?: string;
  origin?: string;
  url?: string;
  version?: string;
}

/** The status that a request would get, or "in". */
function visit(
  { url = "/health", version = "1.1", ...headers }: Asked,
  options: Partial<GuardOptions> = {},
): number | "in" {
  const request = {
    raw: { headers, url, httpVersion: version },
  } as unknown as FastifyRequest;
  const guard = createGuard({ ...OPTIONS, ...options });
  try {
    guard(request);
  } catch {
    return refusalOf(() => guard(request)).status;
  }
  return "in";
}

const hosts = (...names: string[]) => names.map((host) => [host] as const);

describe("by Host", () => {
  it.each(
    hosts(
      "localhost",
      "localhost:8642",
      "LocalHost:1",
      "localhost.",
      "localhost.:8642",
      "127.0.0.1",
      "127.0.0.1:65535",
      "192.168.1.20:8642",
      "0.0.0.0:8642",
      "[::1]",
      "[::1]:8642",
      "[fe80::1]:8642",
      "[::ffff:127.0.0.1]:8642",
      "[2001:DB8::1]",
      "host.docker.internal:8642",
      "host.containers.internal",
    ),
  )("%s reaches the server on any bind", (host) => {
    expect(visit({ host })).toBe("in");
    expect(visit({ host }, { loopback: false })).toBe("in");
  });

  it.each(
    hosts(
      "evil.example",
      "evil.example:8642",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "sub.localhost",
      "host.docker.internal.evil.example",
      "127.0.0.1:8642@evil.example",
      "127.1",
      "127.0.0.256",
      "[::1",
      "::1",
      "[::g]",
      "[dead]",
      "localhost:",
      "localhost:123456",
      "localhost:abc",
      "localhost/",
      "local host",
      "..",
      "",
    ),
  )("%j is a foreign host on any bind", (host) => {
    expect(visit({ host })).toBe(421);
    expect(visit({ host }, { loopback: false })).toBe(421);
  });

  it.each(
    hosts("hermes", "hermes:8642", "api_server-1"),
  )("%s reaches the server only where others can", (host) => {
    expect(visit({ host }, { loopback: false })).toBe("in");
    expect(visit({ host })).toBe(421);
  });

  it("a listed name does, in any case and on any port", () => {
    const options = { allowedHosts: ["Agent.Example.org:443", "box.lan"] };
    const names = ["agent.example.org", "AGENT.example.org:8642", "agent.example.org.", "box.lan:80"];
    expect(names.map((host) => visit({ host }, options))).toEqual(["in", "in", "in", "in"]);
    expect(visit({ host: "other.example.org" }, options)).toBe(421);
    expect(visit({ host: "" }, { allowedHosts: ["not a host", ""] })).toBe(421);
  });

  it("only HTTP/1.0 may have no Host at all, which no browser speaks", () => {
    expect(visit({ version: "1.0" })).toBe("in");
    expect(visit({})).toBe(400);
  });

  it("many names do not fill the memory, and the verdicts stay right", () => {
    const guard = createGuard(OPTIONS);
    const ask = (host: string) =>
      guard({ raw: { headers: { host }, url: "/" } } as unknown as FastifyRequest);
    for (let index = 0; index < 1_000; index++) {
      expect(refusalOf(() => ask(`h${index}.example`)).status).toBe(421);
      ask("localhost");
    }
  });
});

describe("by Origin", () => {
  const host = "127.0.0.1:8642";

  it("no origin is no page, and a page of ours is at home, also behind a TLS proxy", () => {
    expect(visit({ host })).toBe("in");
    expect(visit({ host, origin: "http://127.0.0.1:8642" })).toBe("in");
    expect(visit({ host: "box.lan", origin: "https://box.lan" }, { allowedHosts: ["box.lan"] })).toBe("in");
  });

  it.each([
    ["http://evil.example"],
    ["http://127.0.0.1:3000"],
    ["http://127.0.0.1"],
    ["null"],
    [""],
    ["ftp://127.0.0.1:8642"],
    ["http://127.0.0.1:8642.evil.example"],
  ])("%j is not listed", (origin) => {
    expect(visit({ host, origin })).toBe(403);
  });

  it("without a Host nothing is our own", () => {
    expect(visit({ version: "1.0", origin: "http://undefined" })).toBe(403);
  });

  it("a listed origin comes in, exactly as it is listed", () => {
    const origins = ["http://localhost:3000", "tauri://localhost"];
    expect(origins.map((origin) => visit({ host, origin }, { origins }))).toEqual(["in", "in"]);
    const near = [
      "http://localhost:3001",
      "https://localhost:3000",
      "http://localhost:3000/",
      "HTTP://localhost:3000",
    ];
    expect(near.map((origin) => visit({ host, origin }, { origins }))).toEqual([403, 403, 403, 403]);
  });

  it("every page comes in where all are listed, but still not under a foreign host", () => {
    const origin = "https://anything.example";
    expect(visit({ host, origin }, { origins: ["*"] })).toBe("in");
    expect(visit({ host: "evil.example", origin }, { origins: ["*"] })).toBe(421);
  });
});

it("a request to a full URL is refused: its host is not the one that was checked", () => {
  expect(visit({ host: "localhost", url: "http://evil.example/v1/models" })).toBe(400);
  expect(visit({ host: "localhost", url: "*" })).toBe("in");
});
