import { existsSync } from "node:fs";
import { APPLICATION_ID } from "../config/profile.ts";
import { type DiskSpace, diskSpace } from "../lib/disk.ts";
import { openSqliteStore } from "../storage/sqlite/store.ts";
import type { Store } from "../storage/store.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";

/** The store, and the disk that it lies on. */
export interface StoragePart extends Part {
  readonly store: Store;
  /** Whether the former process was killed: a database that was closed has no log beside it. */
  readonly wasKilled: boolean;
  disk(): Promise<DiskSpace>;
}

/**
 * Opens the home's database, unless another store is given.
 * @throws StorageError when the database cannot be used.
 */
export function openStorage(context: AppContext, given?: Store): StoragePart {
  const { home } = context.config;
  const wasKilled = existsSync(`${home.databaseFile}-wal`);
  const store = given ?? openStore(context);
  const disk = () => diskSpace(home.path);
  return {
    name: "storage",
    store,
    wasKilled,
    disk,
    health: {
      disk: async () => {
        const { usedPercent, freeBytes, isLow } = await disk();
        return { status: isLow ? "degraded" : "ok", used_percent: usedPercent, free_bytes: freeBytes };
      },
    },
    stop: () => store.close(),
  };
}

function openStore({ config, log }: AppContext): Store {
  return openSqliteStore({
    file: config.home.databaseFile,
    applicationId: APPLICATION_ID,
    sync: config.settings.storage.sync,
    onHealth: ({ state, detail }) => {
      if (state === "ok") log.info("the database takes everything again");
      else log.error(`${detail} What cannot be stored is refused (${state}).`);
    },
  });
}
