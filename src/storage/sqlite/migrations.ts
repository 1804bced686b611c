/**
 * The schema's history: each entry is applied once, in order; `PRAGMA user_version` counts them. Never change an
 * entry that was released; add one.
 */
export const MIGRATIONS: readonly string[] = [
  `
  -- \`facts\` is the log of the commit that made the row: most runs are over by then and need no other row. A table
  -- with rowids, since long rows in a WITHOUT ROWID tree spill into overflow pages, which nearly doubles a commit.
  -- Ids begin with their time, so both trees grow at their right edge.
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
    data TEXT NOT NULL,
    facts TEXT NOT NULL
  );
  CREATE INDEX runs_unfinished ON runs (id) WHERE status IN ('queued', 'running');
  CREATE INDEX runs_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;
  CREATE INDEX runs_parent ON runs (parent_run) WHERE parent_run IS NOT NULL;

  -- The rest of the log. One row per commit and kind: facts (kind 0) as a JSON array of events, deltas (kind 1) packed.
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
  `
  -- Lists by age. Chats are not listed, and need no entry.
  CREATE INDEX runs_listed ON runs (owner, surface, id) WHERE surface <> 'chat';
  `,
  `
  -- What background runs were asked to do, as long as they go on.
  CREATE TABLE plans (run_id TEXT PRIMARY KEY, input TEXT NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;

  -- Core prompts that runs were done with; one for each change of what they are made from.
  CREATE TABLE prompts (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
  `,
  `
  ALTER TABLE sessions ADD COLUMN metadata TEXT;

  -- Items that were taken out of a session; their runs keep them, for whoever looks at the run itself.
  CREATE TABLE hidden_items (
    session_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    PRIMARY KEY (session_id, item_id)
  ) WITHOUT ROWID;
  `,
  `
  -- A key stands for a run as long as it lasts, whoever may see that run.
  CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    surface TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    run_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, surface, key)
  ) WITHOUT ROWID;
  CREATE INDEX idempotency_expiry ON idempotency (expires_at);
  `,
  `
  -- Whether a run that is over has deltas that were not merged yet.
  ALTER TABLE runs ADD COLUMN has_deltas INTEGER;
  UPDATE runs SET has_deltas = 1
    WHERE ended_at IS NOT NULL AND id IN (SELECT run_id FROM events WHERE kind = 1);
  CREATE INDEX runs_with_deltas ON runs (ended_at) WHERE has_deltas = 1;
  `,
  `
  -- A run that goes on from within another one: the number of the last item that it reads there.
  ALTER TABLE runs ADD COLUMN parent_through INTEGER;

  -- Prompts lie apart: many sessions share one, and lists read short rows. What is long comes last.
  INSERT INTO prompts (hash, text) SELECT prompt ->> 'hash', prompt ->> 'text' FROM sessions WHERE true ON CONFLICT DO NOTHING;
  ALTER TABLE sessions RENAME TO former_sessions;
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    head_run TEXT,
    prompt TEXT NOT NULL,
    source TEXT NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    title TEXT,
    end_reason TEXT,
    ended_at INTEGER,
    parent_id TEXT,
    root_id TEXT,
    preview TEXT,
    -- What was counted of its runs, and up to which one; nobody counts before somebody asks.
    tally TEXT,
    model_lock TEXT,
    has_instructions INTEGER NOT NULL DEFAULT 0,
    metadata TEXT,
    instructions TEXT
  );
  INSERT INTO sessions (id, owner, created_at, updated_at, head_run, prompt, source, metadata)
    SELECT id, owner, created_at, updated_at, head_run, prompt ->> 'hash', 'api_server', metadata FROM former_sessions;
  DROP TABLE former_sessions;
  CREATE INDEX sessions_active ON sessions (owner, updated_at, id, source) WHERE hidden = 0;
  CREATE INDEX sessions_pinned ON sessions (owner, updated_at, id) WHERE pinned = 1 AND hidden = 0;
  CREATE INDEX sessions_prompt ON sessions (prompt);
  CREATE UNIQUE INDEX sessions_title ON sessions (owner, title) WHERE title IS NOT NULL;
  `,
  `
  -- What people were asked about calls, and what they said; a permission for later calls is such an answer.
  CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    scope TEXT NOT NULL,
    digest TEXT NOT NULL,
    status TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    settled_at INTEGER,
    data TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX approvals_listed ON approvals (owner, status, id);
  CREATE INDEX approvals_permitted ON approvals (owner, digest) WHERE status IN ('session', 'always');
  CREATE INDEX approvals_scope ON approvals (scope) WHERE status = 'session';
  CREATE INDEX approvals_expiry ON approvals (expires_at) WHERE status <> 'always';
  `,
  `
  -- Jobs wait for their next time in one index, so that a look at who is due costs the same however many there are.
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    next_at INTEGER,
    revision INTEGER NOT NULL,
    data TEXT NOT NULL
  );
  CREATE INDEX jobs_due ON jobs (next_at) WHERE next_at IS NOT NULL;
  CREATE INDEX jobs_listed ON jobs (owner, id);

  -- One row for each time that a job was due. An occurrence has one for ever: whatever is killed, it is done once.
  CREATE TABLE fires (
    id TEXT PRIMARY KEY,
    job_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    occurrence INTEGER,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    data TEXT NOT NULL
  );
  CREATE UNIQUE INDEX fires_occurrence ON fires (job_id, occurrence) WHERE occurrence IS NOT NULL;
  CREATE INDEX fires_listed ON fires (job_id, id);
  CREATE INDEX fires_open ON fires (id) WHERE status IN ('queued', 'running');
  CREATE INDEX fires_age ON fires (created_at);
  `,
  `
  -- When and where a fire's next delivery is due; NULL when nothing is left to be delivered.
  ALTER TABLE fires ADD COLUMN deliver_at INTEGER;
  ALTER TABLE fires ADD COLUMN place TEXT;
  CREATE INDEX fires_undelivered ON fires (place, deliver_at) WHERE deliver_at IS NOT NULL;
  `,
  `
  -- What tells a run that only holds items of a conversation.
  UPDATE runs SET data = json_set(data, '$.kind', 'items') WHERE surface = 'conversations';
  `,
];
