import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A connection that sends and shows bytes as they are, for what no HTTP client would do. */
export interface RawSocket {
  socket: Socket;
  /** Everything that has come, as latin1: one character per byte. */
  received(): string;
  send(text: string | Buffer): void;
  /** Resolves with everything that has come once it holds this. @throws Error when the connection ends before. */
  until(wanted: string | RegExp): Promise<string>;
  /** Resolves with everything that has come once the connection is closed, by whomever. */
  closed: Promise<string>;
  destroy(): void;
}

/** Connects to `http://host:port`; the connection ends with the test. */
export async function openRaw(origin: string): Promise<RawSocket> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  onTestFinished(() => {
    socket.destroy();
  });
  return watch(socket);
}

function watch(socket: Socket): RawSocket {
  const closed = Promise.withResolvers<string>();
  const changed = new Set<() => void>();
  let text = "";
  let over = false;
  const wake = () => {
    for (const look of changed) look();
  };
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
    wake();
  });
  // A reset is an end like any other here.
  socket.on("error", () => {});
  socket.on("close", () => {
    over = true;
    closed.resolve(text);
    wake();
  });
  const until = (wanted: string | RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
        if (!found && !over) return;
        changed.delete(look);
        if (found) resolve(text);
        else reject(new Error(`closed without ${wanted}: ${JSON.stringify(text.slice(-300))}`));
      };
      changed.add(look);
      look();
    });
  return {
    socket,
    received: () => text,
    send: (bytes) => void socket.write(bytes),
    until,
    closed: closed.promise,
    destroy: () => void socket.destroy(),
  };
}

/** An answer on a raw connection. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The chunks of a chunked body: one per write of the server. */
  chunks: string[];
}

/** The whole answers in what a connection has received. @throws Error when the last one is cut. */
export function answersOf(bytes: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = bytes; rest !== ""; ) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) throw new Error(`a head is cut: ${JSON.stringify(rest)}`);
    const [start = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.split(":", 1)[0]?.toLowerCase(), line.replace(/^[^:]*:\s*/, "")]),
    );
    const status = Number(start.split(" ")[1]);
    rest = rest.slice(end + 4);
    const chunks: string[] = [];
    if (headers["transfer-encoding"] === "chunked") rest = readChunks(rest, chunks);
    else {
      const length = Number(headers["content-length"] ?? 0);
      if (rest.length < length) throw new Error(`a body is cut: ${JSON.stringify(rest)}`);
      chunks.push(rest.slice(0, length));
      rest = rest.slice(length);
    }
    answers.push({ status, headers, text: chunks.join(""), chunks });
  }
  return answers;
}

function readChunks(bytes: string, chunks: string[]): string {
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    const length = Number.parseInt(bytes.slice(at, end), 16);
    if (end < 0 || bytes.length < end + 4 + length) throw new Error("a chunked body is cut");
    if (length === 0) return bytes.slice(end + 4);
    chunks.push(bytes.slice(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
}

/** A request as text: a start line, headers over the usual ones (undefined leaves one out), a body. */
export function rawRequest(
  start: string,
  headers: Record<string, string | undefined> = {},
  body = "",
): string {
  const all = { host: "127.0.0.1", ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${[start, ...lines].join("\r\n")}\r\n\r\n${body}`;
}
