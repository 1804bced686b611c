import { expect, test } from "vitest";
import { holds, lineOf, type RowResult, withTable } from "../../../scripts/fault-table.ts";

const ROW: RowResult = { id: "R-05", what: "one key", form: "usual", n: 1_000, failures: 0 };
const TIMED: RowResult = { ...ROW, figure: 812.4, limit: 1_000, of: "restart, p99", unit: "ms" };
const GUIDE = "# Before\n\n<!-- faults: generated -->\n<!-- faults: end -->\n\nAfter\n";
const TERMS = { machine: "2 cores", isWhole: true };

test("a row holds when nothing failed and its figure is within the limit", () => {
  expect([ROW, TIMED].map((row) => holds(row))).toEqual([true, true]);
  expect(holds({ ...TIMED, figure: 1_001 })).toBe(false);
  expect(holds({ ...TIMED, figure: 1_001 }, 2)).toBe(true);
  expect(holds({ ...ROW, failures: 1 })).toBe(false);
  expect(holds({ ...ROW, n: 0 })).toBe(false);
  const { figure: _none, ...unmeasured } = TIMED;
  expect(holds(unmeasured)).toBe(false);
});

test("a line says what was measured, and a miss plainly", () => {
  expect(lineOf(TIMED)).toBe(
    "| R-05 | one key | usual | 1,000 | 0 | 812 ms restart, p99 | ≤ 1,000 ms | ok |",
  );
  expect(lineOf({ ...ROW, what: "yes | head", failures: 2 })).toBe(
    "| R-05 | yes \\| head | usual | 1,000 | 2 |  |  | **MISS** |",
  );
});

test("the table stands in its place, in the order of the rows, and nothing else is touched", () => {
  const guide = withTable(GUIDE, [{ ...ROW, id: "R-20" }, ROW], TERMS);
  expect(guide).toMatch(
    /^# Before\n\n<!-- .* -->\n\n2 cores\.\n\n\| row[\s\S]*<!-- faults: end -->\n\nAfter\n$/,
  );
  expect(guide.match(/^\| R-\d+/gm)).toEqual(["| R-05", "| R-20"]);
  expect(() => withTable("# x", [ROW], TERMS)).toThrow("the guide has no");
});

test("rows that were not run keep their lines, unless all were", () => {
  const before = withTable(GUIDE, [ROW, { ...ROW, what: "yes | head" }, { ...ROW, id: "R-20" }], TERMS);
  const again = [
    { ...ROW, failures: 3 },
    { ...ROW, what: "yes | head" },
  ];
  const some = withTable(before, again, { ...TERMS, isWhole: false });
  expect(some.match(/^\| R-.*$/gm)).toEqual([...again, { ...ROW, id: "R-20" }].map(lineOf));
  expect(withTable(before, [ROW], TERMS).match(/^\| R-.*$/gm)).toEqual([lineOf(ROW)]);
});
