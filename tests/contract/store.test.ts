import { join } from "node:path";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { storeContract } from "./store/suite.ts";
import { watchedStore } from "./store/watched-store.ts";

const terms = { applicationId: 1, sync: "normal" } as const;

storeContract("SQLite in a file", async () =>
  openSqliteStore({ ...terms, file: join(await temporaryDirectory(), "state.db") }),
);

storeContract("SQLite in a file on a slow disk", async () =>
  watchedStore(join(await temporaryDirectory(), "state.db")),
);

storeContract("SQLite in memory", async () => openSqliteStore({ ...terms, file: ":memory:" }));
