import path from "node:path";
import { parseArgs } from "node:util";
import { againstBuild, type Row } from "./row.ts";
import { ROWS } from "./rows.ts";
import { SERVER_ENTRY, type TargetName } from "./targets.ts";

/** How long and how often everything is measured. */
export interface Timing {
  rounds: number;
  /** Rounds of rows that start fresh processes: dearer, and steadier. */
  freshRounds: number;
  /** Load per path before the first round. */
  warmMs: number;
  /** Load before each window. */
  rampMs: number;
  windowMs: number;
  /** Before memory is read. */
  settleMs: number;
  warmStarts: number;
  /** For windows that are measured again because other processes disturbed them. */
  spareMs: number;
}

export interface Options {
  rows: readonly Row[];
  timing: Timing;
  quick: boolean;
  build: boolean;
  targets: Exclude<TargetName, "direct">[];
  serverEntry: string;
  /** Another build, in the relay's place. */
  before: string | undefined;
  json: string | undefined;
  markdown: string | undefined;
  /** The row whose server process is profiled. */
  profile: string | undefined;
}

const FULL: Timing = {
  rounds: 4,
  freshRounds: 2,
  warmMs: 4_000,
  rampMs: 400,
  windowMs: 1_600,
  settleMs: 2_500,
  warmStarts: 5,
  spareMs: 40_000,
};

const QUICK: Timing = {
  rounds: 1,
  freshRounds: 1,
  warmMs: 1_200,
  rampMs: 200,
  windowMs: 700,
  settleMs: 800,
  warmStarts: 2,
  spareMs: 0,
};

export const USAGE = `npm run bench -- [options]
  --quick            one short round without a proper warm-up: for a look, not for the guide
  --only ROW,ROW     these rows alone: ${ROWS.map((row) => row.id).join(", ")}
  --rounds N         interleaved rounds (default ${FULL.rounds}); the table has medians
  --json FILE        all values of all rounds
  --markdown FILE    the table as Markdown
  --no-build         measure dist/ as it is
  --server FILE      another entry than dist/hermes.js
  --before FILE      another build's dist/hermes.js in the relay's column: every row is a comparison with it
  --targets NAMES    relay,server (default); relay alone needs no server
  --profile ROW      CPU profile of the server during that row, into bench/results/`;

function chooseRows(only: string | undefined): readonly Row[] {
  if (only === undefined) return ROWS;
  const wanted = only.split(",").map((id) => id.trim());
  const unknown = wanted.filter((id) => !ROWS.some((row) => row.id === id));
  if (unknown.length > 0) throw new Error(`No such row: ${unknown.join(", ")}.\n${USAGE}`);
  return ROWS.filter((row) => wanted.includes(row.id));
}

function chooseTargets(names: string | undefined): Options["targets"] {
  const wanted = (names ?? "relay,server").split(",").map((name) => name.trim());
  const known = (["relay", "server"] as const).filter((name) => wanted.includes(name));
  if (known.length !== wanted.length) throw new Error(`Targets are relay and server.\n${USAGE}`);
  return known;
}

function chooseTiming(quick: boolean, rounds: string | undefined): Timing {
  const timing = quick ? QUICK : FULL;
  if (rounds === undefined) return timing;
  const count = Number(rounds);
  if (!Number.isInteger(count) || count < 1 || count > 50)
    throw new Error("--rounds takes a number from 1 to 50.");
  return { ...timing, rounds: count, freshRounds: Math.min(count, timing.freshRounds) };
}

/** @throws Error with the usage when an option is wrong. Undefined when help was asked for. */
export function parseOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      json: { type: "string" },
      markdown: { type: "string" },
      "no-build": { type: "boolean", default: false },
      server: { type: "string" },
      before: { type: "string" },
      targets: { type: "string" },
      profile: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { profile, before } = values;
  const rows = chooseRows(profile ?? values.only);
  if (profile === "start" || profile === "held" || profile === "growth")
    throw new Error("--profile takes a row with steady load.");
  return {
    rows: before === undefined ? rows : rows.map(againstBuild),
    timing: chooseTiming(values.quick, profile === undefined ? values.rounds : "1"),
    quick: values.quick,
    build: !values["no-build"] && values.server === undefined,
    targets: profile === undefined ? chooseTargets(values.targets) : ["server"],
    serverEntry: values.server === undefined ? SERVER_ENTRY : path.resolve(values.server),
    before: before === undefined ? undefined : path.resolve(before),
    json: values.json,
    markdown: values.markdown,
    profile,
  };
}
