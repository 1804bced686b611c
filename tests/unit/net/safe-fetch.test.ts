import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { DestinationPolicy } from "../../../src/net/destination-policy.ts";
import { createSafeFetch, type Resolve, type SafeRequest } from "../../../src/net/safe-fetch.ts";
import { startReceiver } from "../../helpers/receiver.ts";

/** Asks with usual terms, where only these places are allowed. */
function asker(allowed: string[], resolve?: Resolve) {
  const safeFetch = createSafeFetch({ places: new DestinationPolicy(allowed), ...(resolve && { resolve }) });
  return (url: string, terms: Partial<SafeRequest> = {}) =>
    safeFetch({
      url,
      method: "GET",
      timeoutMs: 5_000,
      maxBytes: 10_000,
      maxRedirects: 5,
      signal: new AbortController().signal,
      ...terms,
    });
}

const kind = (kind: string) => expect.objectContaining({ kind });

test("an answer comes back with its status, headers and body", async () => {
  const receiver = await startReceiver((response) => response.writeHead(201, { "x-a": "b" }).end("done"));
  const headers = { "content-type": "text/plain" };
  const answer = await asker([receiver.place])(`${receiver.origin}/x`, {
    method: "POST",
    body: "hello",
    headers,
  });
  expect([answer.status, answer.headers.get("x-a"), String(answer.body)]).toEqual([201, "b", "done"]);
  expect(receiver.received).toMatchObject([{ method: "POST", path: "/x", body: "hello" }]);
});

describe("no connection is made", () => {
  test("no connection is made to an address that is not allowed, by whatever way it is named", async () => {
    const receiver = await startReceiver();
    const port = receiver.place.split(":")[1];
    const names = ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0", "inside.example.com"];
    const ask = asker([], async () => [{ address: "127.0.0.1", family: 4 }]);
    for (const name of names)
      await expect(ask(`http://${name}:${port}/`), name).rejects.toEqual(kind("blocked"));
    expect(receiver.connections()).toBe(0);
  });

  test("no connection is made by a redirect, even one from an allowed place", async () => {
    const inside = await startReceiver();
    const outside = await startReceiver((response, { path }) =>
      response.writeHead(302, { location: path === "/file" ? "file:///etc/passwd" : inside.origin }).end(),
    );
    const ask = asker([outside.place]);
    await expect(ask(outside.origin)).rejects.toEqual(kind("blocked"));
    await expect(ask(`${outside.origin}/file`)).rejects.toEqual(kind("url"));
    expect([outside.connections(), inside.connections()]).toEqual([2, 0]);
  });

  test("where a name led before, once it leads elsewhere (DNS rebinding)", async () => {
    const outside = await startReceiver(
      (response) => response.writeHead(307, { location: "/again", connection: "close" }).end(),
      {
        host: "127.0.0.2",
      },
    );
    const port = Number(outside.place.split(":")[1]);
    const inside = await startReceiver(undefined, { port });
    const answers = ["127.0.0.2", "127.0.0.1"];
    const resolve = vi.fn(async () => [{ address: answers.shift() ?? "127.0.0.1", family: 4 }]);
    await expect(asker([outside.place], resolve)(`http://rebound.example:${port}/`)).rejects.toEqual(
      kind("blocked"),
    );
    expect([outside.connections(), inside.connections(), resolve.mock.calls.length]).toEqual([1, 0, 2]);
  });

  test("no connection is made to the private ones among the addresses of a name", async () => {
    const outside = await startReceiver(undefined, { host: "127.0.0.2" });
    const port = Number(outside.place.split(":")[1]);
    const inside = await startReceiver(undefined, { port });
    const both = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
    const answer = await asker([outside.place], async () => both)(`http://mixed.example:${port}/`);
    expect([answer.status, outside.connections(), inside.connections()]).toEqual([200, 1, 0]);
  });
});

describe("a redirect", () => {
  test("a redirect is followed with what its status lets go on, and without what was told in confidence", async () => {
    const other = await startReceiver();
    const first = await startReceiver((response, { path }) =>
      path === "/end"
        ? response.end("here")
        : response.writeHead(Number(path.slice(1, 4)), { location: path.slice(4) }).end(),
    );
    const ask = asker([first.place, other.place]);
    const terms = {
      method: "POST",
      body: "secret",
      headers: { authorization: "Bearer x", cookie: "a=b", "x-kept": "1", "content-type": "text/plain" },
    } as const;
    const same = await ask(`${first.origin}/308/end`, terms);
    expect([same.url, String(same.body)]).toEqual([`${first.origin}/end`, "here"]);
    expect(first.received.at(-1)).toMatchObject({
      method: "POST",
      body: "secret",
      headers: { authorization: "Bearer x" },
    });
    await ask(`${first.origin}/303${other.origin}`, terms);
    const sent = other.received[0];
    expect(sent).toMatchObject({ method: "GET", body: "", headers: { "x-kept": "1" } });
    expect(Object.keys(sent?.headers ?? {})).not.toEqual(expect.arrayContaining(["content-type"]));
    expect([sent?.headers["authorization"], sent?.headers["cookie"]]).toEqual([undefined, undefined]);
  });

  test("a redirect is the answer where none is followed, and one too many ends the request", async () => {
    const receiver = await startReceiver((response) => response.writeHead(301, { location: "/more" }).end());
    const ask = asker([receiver.place]);
    expect((await ask(receiver.origin, { maxRedirects: 0 })).status).toBe(301);
    await expect(ask(receiver.origin, { maxRedirects: 3 })).rejects.toEqual(kind("redirects"));
    expect(receiver.received).toHaveLength(5);
  });
});

describe("an answer that does not end well", () => {
  test("an answer that does not end well is not read beyond the limit, packed or not", async () => {
    const packed = gzipSync(Buffer.alloc(50_000_000));
    const receiver = await startReceiver((response, { path }) => {
      if (path === "/packed") response.writeHead(200, { "content-encoding": "gzip" }).end(packed);
      else for (let sent = 0; sent < 100; sent++) response.write(Buffer.alloc(65_536));
    });
    const ask = asker([receiver.place]);
    await expect(ask(`${receiver.origin}/packed`)).rejects.toEqual(kind("too_large"));
    await expect(ask(receiver.origin)).rejects.toEqual(kind("too_large"));
    // Where nobody wants to know, it is not read at all.
    expect(await ask(receiver.origin, { maxBytes: 0 })).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  });

  test("an answer that does not end well is given up when it drips, has endless headers, or never begins", async () => {
    const receiver = await startReceiver((response, { path }) => {
      if (path === "/drip") response.writeHead(200).write("a");
      if (path === "/headers") response.writeHead(200, { "x-long": "x".repeat(20_000) }).end();
      if (path === "/drop") response.socket?.destroy();
    });
    const ask = asker([receiver.place]);
    for (const path of ["/drip", "/silent"])
      await expect(ask(receiver.origin + path, { timeoutMs: 60 }), path).rejects.toEqual(kind("timeout"));
    for (const path of ["/headers", "/drop"])
      await expect(ask(receiver.origin + path), path).rejects.toEqual(kind("network"));
  });

  test("an answer that does not end well is given up with the reason of who asked for it", async () => {
    const receiver = await startReceiver(() => stop.abort(new Error("over")));
    const stop = new AbortController();
    await expect(asker([receiver.place])(receiver.origin, { signal: stop.signal })).rejects.toThrow("over");
  });

  test("an answer that does not end well tells neither addresses nor system errors", async () => {
    const gone = "http://127.0.0.1:1/";
    const failures = [
      asker(["127.0.0.1"])(gone),
      asker([])(gone),
      asker([], async () => [])("http://nowhere.example/"),
      asker([], async () => Promise.reject(new Error("SERVFAIL 10.0.0.53")))("http://nowhere.example/"),
    ];
    const said = await Promise.all(failures.map((failure) => failure.catch((error: Error) => error.message)));
    expect(said).toEqual([
      "the connection failed",
      expect.stringContaining("not a public one"),
      "its host was not found",
      "the connection failed",
    ]);
  });
});
