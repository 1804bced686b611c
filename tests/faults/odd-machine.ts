/**
 * Loaded before the server, by `--import`: makes its machine odd as the environment says. ODD_SYNC_MS: a sync of the disk
 * takes that long. ODD_FIFO: a thread of Node's pool opens it, and hangs. ODD_CLOCK_MS: SIGUSR2 sets the clock by that much.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { ODD_SYNC_MS: syncMs, ODD_FIFO: fifo, ODD_CLOCK_MS: clockMs } = process.env;

if (syncMs !== undefined) {
  const { fdatasync } = fs;
  const slow = (fd: number, done: fs.NoParamCallback) => {
    setTimeout(() => fdatasync(fd, done), Number(syncMs));
  };
  Object.assign(fs, { fdatasync: slow });
  syncBuiltinESMExports();
}

if (fifo !== undefined) fs.open(fifo, "r", () => undefined);

if (clockMs !== undefined) {
  const { now } = Date;
  let set = 0;
  Date.now = () => now() + set;
  process.on("SIGUSR2", () => {
    set += Number(clockMs);
  });
}
