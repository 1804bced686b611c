/** What `hermes jobs --help` says. */
export const JOBS_HELP = `hermes jobs: work on a schedule, done by the running server (hermes cron is the same)

Usage
  hermes jobs list                           [--state scheduled|paused|completed]
  hermes jobs show <job>
  hermes jobs create <schedule> [prompt]     [--name <name>] [--paused] and the options below
  hermes jobs update <job>                   [--schedule <when>] [--prompt <text>] and the options below
  hermes jobs pause <job>                    [--reason <text>]
  hermes jobs resume <job>
  hermes jobs run <job>                      do it now; --wait prints the answer, --prompt replaces its own this time
  hermes jobs remove <job>
  hermes jobs runs <job>                     its history: [--limit <number>] [--status <status>]
  hermes jobs forecast <job>                 when it is due next: [--limit <number>] [--from <time>] [--to <time>]
  hermes jobs import <file>                  a jobs.json of hermes-agent: [--dry-run] only tells, [--force] overwrites

A job is named by its id, or by its name where only one has it.

Of create and update
      --name --prompt --schedule --timezone --model --provider --reasoning-effort --workdir --script <text>
      --toolset --skill --context-from --deliver --failure-deliver <text>    may be given several times
      --session <id>           each run goes on with this session
      --repeat <times>         a number, once or forever
      --no-agent               deliver the script's output, without a model
      --misfire latest|skip|all     --grace <seconds>     --overlap skip|queue|replace|allow     --jitter <seconds>
      --retries --max-failures --max-steps --max-seconds --max-tokens <number>
      --clear <option>         take a value away: --clear timezone --clear skill

Options of all
      --json                   print what the API answers, for programs
  -p, --profile <name>   --host <address>   --port <number>   --home <directory>   as for the server

Exit codes
  0 done   1 refused, not there, or a run that was waited for did not complete   64 wrong usage   69 no server runs

Schedules: "every 2h", "30m" (once), "weekdays at 9am", "0 9 * * mon-fri", "2027-05-01T09:00"; docs/guides/jobs.md has the rules.
`;
