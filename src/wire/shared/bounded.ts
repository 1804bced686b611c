import { z } from "zod";

/** Lists and objects of any names that requests may hold: each says how many entries it may have. */

/**
 * A list of at most `max` entries. A longer one is refused before any of its entries is looked at, and the first entry
 * that is wrong ends the reading: to tell of each would cost some µs for every two bytes of a body.
 */
export function list<Entry extends z.ZodType>(
  entry: Entry,
  max: number,
  message?: string,
): z.ZodArray<Entry> {
  return (new List({ type: "array", element: entry, max }) as z.ZodArray<Entry>).max(max, message);
}

type ArrayDef = z.ZodArray["_zod"]["def"];
type RecordDef = z.ZodRecord["_zod"]["def"];
interface Bounded {
  max: number;
}

/** zod's array but for what comes after a wrong entry. */
const List = z.core.$constructor<z.ZodArray, ArrayDef & Bounded>("List", (inst, def) => {
  z.ZodArray.init(inst, def);
  const whole = inst._zod.parse;
  inst._zod.parse = (payload, context) => {
    const entries: unknown = payload.value;
    // What is no list, or longer than it may be, is refused as zod does it.
    if (!Array.isArray(entries) || entries.length > def.max) return whole(payload, context);
    const read = Array(entries.length);
    payload.value = read;
    for (const [index, entry] of entries.entries()) {
      const result = def.element._zod.run({ value: entry, issues: [] }, context);
      if (result instanceof Promise) throw new z.core.$ZodAsyncError();
      read[index] = result.value;
      if (result.issues.length === 0) continue;
      payload.issues.push(...z.core.util.prefixIssues(index, result.issues));
      break;
    }
    return payload;
  };
});

/** An object of at most `max` pairs with any names, counted before any of them is looked at. */
export function pairs<Key extends z.ZodString, Value extends z.ZodType>(key: Key, value: Value, max: number) {
  return new Pairs({ type: "record", keyType: key, valueType: value, max }) as z.ZodRecord<Key, Value>;
}

/** zod's record but for the count. */
const Pairs = z.core.$constructor<z.ZodRecord, RecordDef & Bounded>("Pairs", (inst, def) => {
  z.ZodRecord.init(inst, def);
  const whole = inst._zod.parse;
  inst._zod.parse = (payload, context) => {
    if (!hasMore(payload.value, def.max)) return whole(payload, context);
    payload.issues.push({
      code: "custom",
      message: `has more than ${def.max} pairs`,
      input: payload.value,
      inst,
    });
    return payload;
  };
});

function hasMore(given: unknown, max: number): boolean {
  if (typeof given !== "object" || given === null) return false;
  let count = 0;
  for (const _name in given) if (++count > max) return true;
  return false;
}
