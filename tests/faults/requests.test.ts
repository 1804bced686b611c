import type { ServerResponse } from "node:http";
import { DestinationPolicy } from "../../src/net/destination-policy.ts";
import { createSafeFetch, type Resolve, type SafeRequest } from "../../src/net/safe-fetch.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { forEach, range } from "./answers.ts";
import { fault, randomFrom, SEED } from "./report.ts";

const TERMS: Omit<SafeRequest, "url"> = {
  method: "GET",
  timeoutMs: 2_000,
  maxBytes: 1_000_000,
  maxRedirects: 5,
  signal: new AbortController().signal,
};
/** How loopback can be written in a URL. */
const FORMS = [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f.1",
  "0177.0.0.1",
  "127.0.0.1.",
  "localhost",
  "a.localhost",
  "%31%32%37.0.0.1",
  "0",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
];
/** What a name may be said to lead to. */
const ADDRESSES = [
  "127.0.0.1",
  "0.0.0.0",
  "::1",
  "::",
  "::ffff:127.0.0.1",
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "10.0.0.1",
  "169.254.169.254",
  "fd00::1",
];

/** A guarded place, and one beside it that is allowed and sends its visitors there. */
async function neighbours() {
  const outside = await startReceiver(
    (response, { path }) => response.writeHead(302, { location: decodeURIComponent(path.slice(1)) }).end(),
    { host: "127.0.0.2" },
  );
  const port = Number(outside.place.split(":")[1]);
  const inside = [
    await startReceiver(undefined, { port }),
    await startReceiver(undefined, { host: "::1", port }),
  ];
  return { outside, port, connections: () => inside.reduce((sum, each) => sum + each.connections(), 0) };
}

fault(
  {
    id: "R-44",
    what: "URLs of private places (every form of the number, mapped and wrapped addresses, names that lead there at once or the second time, redirects): refused without a connection",
    counts: { quick: 300, usual: 5_000, full: 50_000 },
  },
  async (count) => {
    const { outside, port, connections } = await neighbours();
    const random = randomFrom(SEED);
    const pick = <One>(all: readonly One[]) => all[Math.floor(random() * all.length)] as One;
    const places = new DestinationPolicy([outside.place]);
    const failures: string[] = [];
    await forEach(range(count), 16, async () => {
      const inside = pick([`http://${pick(FORMS)}:${port}/`, `http://name.example:${port}/`]);
      const [url, first] = pick([
        [inside, []],
        [`${outside.origin}/${encodeURIComponent(inside)}`, []],
        // The name that was let through a moment ago.
        [`http://name.example:${port}/${encodeURIComponent(`http://name.example:${port}/`)}`, ["127.0.0.2"]],
      ] as const);
      const answers = [...first];
      const resolve: Resolve = async () =>
        range(1 + Math.floor(random() * 2)).map(() => addressed(answers.shift() ?? pick(ADDRESSES)));
      const outcome = await createSafeFetch({ places, resolve })({ ...TERMS, url }).then(
        ({ status }) => `answered ${status}`,
        ({ kind }) => kind,
      );
      if (outcome !== "blocked") failures.push(`${url}: ${outcome}`);
    });
    if (connections() > 0) failures.push(`${connections()} connections`);
    return { failures };
  },
);

function addressed(address: string) {
  return { address, family: address.includes(":") ? 6 : 4 };
}

const PATIENCE_MS = 300;

fault(
  {
    id: "R-44",
    what: "answers without end (bodies, packed bodies, redirects, headers, drips, silence): given up at their limits",
    counts: { quick: 5, usual: 40, full: 400 },
    limit: { of: "late by, max", most: 200, unit: "ms" },
  },
  async (rounds) => {
    const receiver = await startReceiver((response, { path }) => {
      if (path === "/redirect") response.writeHead(307, { location: "/redirect" }).end();
      if (path === "/body") pour(response);
      if (path === "/headers") response.socket?.write(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(50_000)}`);
      if (path === "/drip") {
        const dripping = setInterval(() => response.write("a"), 20);
        response.once("close", () => clearInterval(dripping));
      }
    });
    const safeFetch = createSafeFetch({ places: new DestinationPolicy([receiver.place]) });
    const ends = {
      "/redirect": "redirects",
      "/body": "too_large",
      "/headers": "network",
      "/drip": "timeout",
      "/silent": "timeout",
    };
    const failures: string[] = [];
    let late = 0;
    await forEach(range(rounds), 4, async () => {
      for (const [path, end] of Object.entries(ends)) {
        const began = performance.now();
        const outcome = await safeFetch({
          ...TERMS,
          timeoutMs: PATIENCE_MS,
          url: receiver.origin + path,
        }).then(
          () => "answered",
          ({ kind }) => kind,
        );
        if (outcome !== end) failures.push(`${path}: ${outcome}`);
        late = Math.max(late, performance.now() - began - PATIENCE_MS);
      }
    });
    return { n: rounds * Object.keys(ends).length, failures, figure: Math.max(0, late) };
  },
);

/** Writes as long as somebody reads. */
function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", more);
  more();
}
