/**
 * The schema's history: each entry is applied once, in order; `PRAGMA user_version` counts them. Never change an
 * entry that was released; add one.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- Ids begin with their time, so rows are appended at the right edge of the tree.
  CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    surface TEXT NOT NULL,
    status TEXT NOT NULL,
    session_id TEXT,
    parent_run TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    expires_at INTEGER,
    reserved_seq INTEGER NOT NULL,
    usage TEXT,
    data TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX runs_unfinished ON runs (id) WHERE status IN ('queued', 'running');
  CREATE INDEX runs_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;

  -- One row per commit and kind: facts (kind 0) as a JSON array of events, deltas (kind 1) packed. A table with
  -- rowids, since long payloads in a WITHOUT ROWID tree spill into overflow pages, which nearly doubles a commit.
  CREATE TABLE events (
    run_id TEXT NOT NULL,
    batch INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (run_id, batch, kind)
  );

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    head_run TEXT,
    prompt TEXT NOT NULL
  ) WITHOUT ROWID;
  `,
];
