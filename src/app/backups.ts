import { backupRoute } from "../../routes/hermes/backup.ts";
import { Backups } from "../ops/backup.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";
import type { StoragePart } from "./storage.ts";
import type { TransportsPart } from "./transports.ts";

/** Opens the backups of the database, which are made while the server runs. */
export function openBackups(
  { config }: AppContext,
  { storage, transports }: { storage: StoragePart; transports: TransportsPart },
): Part {
  const { store, disk } = storage;
  const backups = new Backups({ store, databaseFile: config.home.databaseFile, disk });
  return {
    name: "backups",
    routes: (http) => backupRoute(http, { backups, writeTimeoutMs: transports.streams.writeTimeoutMs }),
    drain: async () => backups.close(),
  };
}
