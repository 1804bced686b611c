import { createServer } from "node:net";
import { Connection } from "./upstream/connection.ts";

/**
 * A fake model that answers at once: chat completions on loopback, the user's text deciding what is answered
 * (scenarios.ts). `GET /control` gives the counters.
 * Environment: UPSTREAM_PORT (default 9100), UPSTREAM_TOOL (the server's tool that is called, default `read_file`).
 */
const port = Number(process.env["UPSTREAM_PORT"] ?? 9100);

createServer({ noDelay: true }, (socket) => new Connection(socket)).listen(
  { port, host: "127.0.0.1", backlog: 4096 },
  () => process.send?.("ready"),
);

// The bench that started it is gone, however it ended.
process.on("disconnect", () => process.exit());
