import { APPLICATION_ID } from "../../../src/config/profile.ts";
import { type Db, openDatabase } from "../../../src/storage/sqlite/db.ts";
import { SYSTEM_DISK } from "../../../src/storage/sqlite/disk.ts";
import { storeOn } from "../../../src/storage/sqlite/store.ts";
import type { Store } from "../../../src/storage/store.ts";

/** So short that every few writes make a checkpoint. */
const LOG_BYTES = 50_000;

/**
 * A store whose disk takes its time, and which is copied into its file again and again. A statement that writes while a
 * sync goes on throws: nobody may write then.
 */
export function watchedStore(file: string): Store {
  const disk = { syncing: 0 };
  const sync = async (fd: number) => {
    disk.syncing++;
    await SYSTEM_DISK.sync(fd);
    await new Promise(setImmediate);
    disk.syncing--;
  };
  const check = (statement: { readonly: boolean; source: string }) => {
    if (disk.syncing > 0 && !statement.readonly)
      throw new Error(`written during a sync: ${statement.source}`);
  };
  const db = openDatabase({ file, applicationId: APPLICATION_ID });
  const options = { file, sync: "normal", logBytes: LOG_BYTES, disk: { ...SYSTEM_DISK, sync } } as const;
  return storeOn(watched(db, check), options);
}

type Check = (statement: { readonly: boolean; source: string }) => void;

/** The same database, whose statements are checked before they are done. */
function watched(db: Db, check: Check): Db {
  return new Proxy(db, {
    get(target, name) {
      if (name === "prepare") return (sql: string) => watchedStatement(target.prepare(sql), check);
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function watchedStatement(statement: ReturnType<Db["prepare"]>, check: Check): ReturnType<Db["prepare"]> {
  const proxy: ReturnType<Db["prepare"]> = new Proxy(statement, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (["run", "get", "all", "iterate"].includes(String(name))) check(target);
        const result: unknown = value.apply(target, args);
        return result === target ? proxy : result;
      };
    },
  });
  return proxy;
}
