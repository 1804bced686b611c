import { connect, type Socket } from "node:net";

/** What one HTTP answer does to its reader; `text` is latin1, which is all that the scenarios' ASCII needs. */
export interface AnswerSink {
  head(status: number): void;
  text(piece: string): void;
  end(): void;
  /** The connection broke or spoke no HTTP; no more will come. */
  broken(reason: string): void;
}

/** All connections read into the same memory: each piece is turned into text before the next is read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

type State = "head" | "length" | "size" | "data" | "dataEnd" | "trailer";

/**
 * A keep-alive HTTP connection on a bare socket. A general client would cost the generator more per request than the
 * relay costs the target, and the generator would be what is measured.
 */
export class ClientConnection {
  readonly #socket: Socket;
  readonly #sink: AnswerSink;
  #state: State = "head";
  #rest = "";
  #left = 0;
  #closing = false;

  constructor(port: number, sink: AnswerSink) {
    this.#sink = sink;
    this.#socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (length) => {
          this.#feed(READ_BUFFER.toString("latin1", 0, length));
          return true;
        },
      },
    });
    this.#socket.on("error", (error) => this.#break(error.message));
    this.#socket.on("close", () => this.#break("closed by the target"));
  }

  send(request: Buffer): void {
    this.#socket.write(request);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #break(reason: string): void {
    if (this.#closing) return;
    this.close();
    this.#sink.broken(reason);
  }

  #feed(piece: string): void {
    const text = this.#rest === "" ? piece : this.#rest + piece;
    this.#rest = "";
    let at = 0;
    while (at < text.length && !this.#closing) {
      const next = this.#step(text, at);
      if (next === -1) {
        this.#rest = text.slice(at);
        return;
      }
      at = next;
    }
  }

  /** Reads one part from `at`; the position after it, or -1 when it is not there yet. */
  #step(text: string, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#head(text, at);
      case "length":
      case "data":
        return this.#body(text, at);
      case "size":
        return this.#size(text, at);
      case "dataEnd":
        if (text.length < at + 2) return -1;
        this.#state = "size";
        return at + 2;
      case "trailer":
        if (text.length < at + 2) return -1;
        this.#end();
        return at + 2;
    }
  }

  #head(text: string, at: number): number {
    const end = text.indexOf("\r\n\r\n", at);
    if (end === -1) return -1;
    const head = text.slice(at, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#sink.head(Number(head.slice(9, 12)));
    if (length !== undefined) {
      this.#state = "length";
      this.#left = Number(length);
      if (this.#left === 0) this.#end();
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#state = "size";
    } else {
      this.#break(`an answer without length: ${head.slice(0, 80)}`);
    }
    return end + 4;
  }

  #body(text: string, at: number): number {
    const end = Math.min(text.length, at + this.#left);
    this.#left -= end - at;
    this.#sink.text(text.slice(at, end));
    if (this.#left === 0) {
      if (this.#state === "length") this.#end();
      else this.#state = "dataEnd";
    }
    return end;
  }

  #size(text: string, at: number): number {
    const end = text.indexOf("\r\n", at);
    if (end === -1) return -1;
    this.#left = Number.parseInt(text.slice(at, end), 16);
    if (Number.isNaN(this.#left)) this.#break("a chunk without a size");
    this.#state = this.#left === 0 ? "trailer" : "data";
    return end + 2;
  }

  #end(): void {
    this.#state = "head";
    this.#sink.end();
  }
}
