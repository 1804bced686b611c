import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import type { RunWrite, Store } from "../../src/storage/store.ts";
import { openForTest } from "./stored.ts";

/** A store in memory whose writes a test can hold up, fail and watch. */
export interface HookedStore {
  store: Store;
  /** The store itself, which nothing holds up. */
  inner: Store;
  /** All writes that were asked for, one entry per `append`. */
  readonly appends: readonly (readonly RunWrite[])[];
  /** Awaited before a write is done; what it throws is the write's failure. */
  before: () => Promise<void> | void;
  /** Awaited after a write is durable, before the writer hears of it. */
  after: () => Promise<void> | void;
}

/** A new store in memory, or one that a former process left. */
export async function hookedStore(left?: Store): Promise<HookedStore> {
  const store = left ?? (await openInMemory());
  const appends: (readonly RunWrite[])[] = [];
  const hooked: HookedStore = {
    inner: store,
    appends,
    before: () => undefined,
    after: () => undefined,
    store: new Proxy(store, {
      get(target, key) {
        if (key === "append") return append;
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  };
  const append = async (writes: readonly RunWrite[]) => {
    appends.push(writes);
    await hooked.before();
    await store.append(writes);
    await hooked.after();
  };
  return hooked;
}

const openInMemory = openForTest(async () =>
  openSqliteStore({ file: ":memory:", applicationId: 1, sync: "normal" }),
);
