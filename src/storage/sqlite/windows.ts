/** Rows that are looked at together where a filter may leave out most of them: some ms. */
const WINDOW_ROWS = 1_000;

/** A list that a filter makes shorter, in the order of an index. */
interface FilteredList<Place, Row> {
  /** After that place. */
  start: Place;
  limit: number;
  /** The place of the row that is so many behind `start`, whatever the filter says; undefined: there are not so many. */
  placeOf(start: Place, rows: number): Place | undefined;
  /** The rows between two places that the filter leaves, `end` among them; without it all that follow. */
  read(window: { start: Place; end: Place | undefined; limit: number }): Row[];
}

/** Reads such a list a window at a time: others have their turn in between, however few rows there are to find. */
export async function inWindows<Place, Row>(list: FilteredList<Place, Row>): Promise<Row[]> {
  const rows: Row[] = [];
  for (let { start } = list; ; ) {
    const end = list.placeOf(start, WINDOW_ROWS);
    rows.push(...list.read({ start, end, limit: list.limit - rows.length }));
    if (end === undefined || rows.length >= list.limit) return rows;
    start = end;
    await new Promise(setImmediate);
  }
}
