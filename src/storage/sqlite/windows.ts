/** Rows read at once when a filter may drop most of them; takes some ms. */
const WINDOW_ROWS = 1_000;

/** A filtered list in the order of an index. */
interface FilteredList<Place, Row> {
  /** Where the list starts, exclusive. */
  start: Place;
  limit: number;
  /** Returns the position of the row `count` rows after `start`, before filtering; undefined if there are fewer. */
  placeOf(start: Place, rows: number): Place | undefined;
  /** Reads the filtered rows between two positions, `end` included; without `end`, all that follow. */
  read(window: { start: Place; end: Place | undefined; limit: number }): Row[];
}

/** Reads a filtered list window by window, and lets other requests run in between. */
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
