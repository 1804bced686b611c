/** A job of a hermes' jobs.json, as hermes writes it: it failed last, and is due next on a weekday. */
export const DAILY = {
  id: "aaaaaaaaaaaa",
  name: "Weather",
  prompt: "Tell the weather.",
  skills: ["weather"],
  skill: "weather",
  model: null,
  provider: null,
  base_url: null,
  script: null,
  no_agent: false,
  context_from: ["bbbbbbbbbbbb"],
  schedule: { kind: "cron", expr: "0 9 * * 1-5", display: "weekdays at 9am" },
  schedule_display: "weekdays at 9am",
  repeat: { times: 30, completed: 12 },
  enabled: true,
  state: "scheduled",
  paused_at: null,
  paused_reason: null,
  created_at: "2026-01-02T10:11:12+01:00",
  next_run_at: "2099-07-01T09:00:00+02:00",
  last_run_at: "2026-03-04T09:00:00+01:00",
  last_status: "error",
  last_error: "The model was not reachable.",
  last_delivery_error: null,
  failure_streak: 2,
  deliver: "local,session:daily",
  origin: { platform: "telegram", chat_id: "42", thread_id: null },
  enabled_toolsets: ["file"],
  workdir: "site",
};

/** One that is done again and again; its times have no offset. */
export const HOURLY = {
  id: "bbbbbbbbbbbb",
  name: "Hourly",
  prompt: "Look.",
  schedule: { kind: "interval", minutes: 90, display: "every 90m" },
  repeat: { times: null, completed: 7 },
  enabled: true,
  state: "scheduled",
  created_at: "2026-01-02T10:11:12.345678",
  next_run_at: "2099-01-01T00:17:00",
  last_run_at: "2098-12-31T22:47:00",
  last_status: "ok",
  deliver: "local",
};

/** One that somebody paused. */
export const PAUSED = {
  id: "cccccccccccc",
  name: "Paused",
  prompt: "Wait.",
  schedule: { kind: "cron", expr: "@daily", display: "@daily" },
  enabled: false,
  state: "paused",
  paused_at: "2026-05-05T12:00:00+02:00",
  paused_reason: "Holidays",
  created_at: "2026-01-02T10:11:12+01:00",
};

/** One that was done, for good. */
export const PAST = {
  id: "dddddddddddd",
  name: "Once",
  prompt: "Say it.",
  schedule: { kind: "once", run_at: "2026-02-03T08:00", display: "once at 2026-02-03 08:00" },
  repeat: { times: 1, completed: 1 },
  enabled: false,
  state: "completed",
  next_run_at: null,
  last_run_at: "2026-02-03T08:00:01+01:00",
  last_status: "ok",
};

/** The file. */
export const FILE = { jobs: [DAILY, HOURLY, PAUSED, PAST], updated_at: "2026-06-01T00:00:00+02:00" };
