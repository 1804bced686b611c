/** Where log lines go, and what must not be in them. */
export interface LogStreamOptions {
  /** For people instead of for machines. */
  pretty: boolean;
  secrets: readonly string[];
}

const LEVELS: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info ",
  40: "warn ",
  50: "ERROR",
  60: "FATAL",
};

/** Takes JSON log lines, removes every secret from them and writes them to stdout. */
export function createLogStream({ pretty, secrets }: LogStreamOptions): { write(line: string): void } {
  // A reader that goes away (a pager, a closed pipe) must not take the server with it.
  process.stdout.on("error", () => {});
  // A line is JSON, in which a secret may have backslashes; the longest first, since one may begin with another.
  const hidden = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))];
  hidden.sort((a, b) => b.length - a.length);
  return {
    write(line) {
      const clean = hidden.reduce((text, secret) => text.replaceAll(secret, "[redacted]"), line);
      process.stdout.write(pretty ? prettyLine(clean) : clean);
    },
  };
}

interface LogLine {
  level: number;
  time: number;
  msg?: string;
  err?: { stack?: string; message?: string };
}

function prettyLine(line: string): string {
  const { level, time, msg = "", err } = JSON.parse(line) as LogLine;
  const clock = new Date(time).toTimeString().slice(0, 8);
  const cause = err === undefined ? "" : `\n${err.stack ?? err.message ?? ""}`;
  return `${clock} ${LEVELS[level] ?? level} ${msg}${cause}\n`;
}
