import { appendFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Form, RowResult } from "../../scripts/fault-table.ts";

/** The form that is run: how often each row does what it does. */
export const FORM = (process.env["FAULTS"] ?? "quick") as Form;

/** One row of the fault table. */
export interface FaultRow {
  /** Its place in the table, as `R-05`; a row of several parts has one id and different words. */
  id: string;
  /** What is done, and what must hold, in a few words. */
  what: string;
  /** How often it is done in each form. */
  counts: Record<Form, number>;
  /** What the figure is and the most that passes: `{ of: "restart, p99", most: 1000, unit: "ms" }`. */
  limit?: { of: string; most: number; unit: string };
}

/** What came of a row. */
export interface Outcome {
  /** How often it was done, when that is not what was asked for. */
  n?: number;
  /** What did not hold, one entry each. */
  failures: readonly string[];
  /** What was measured, in the limit's unit. */
  figure?: number;
}

/**
 * Defines the test of a row, which is reported whatever becomes of it. A failure fails the test; a figure above its limit
 * is for the table to say, since it is the machine's as much as ours.
 */
export function fault(row: FaultRow, body: (count: number) => Promise<Outcome>): void {
  test(`${row.id} ${row.what}`, async () => {
    let outcome: Outcome = { failures: ["it did not come to its end"] };
    try {
      outcome = await body(row.counts[FORM]);
    } finally {
      report(row, outcome);
    }
    expect(outcome.failures.slice(0, 20)).toEqual([]);
  });
}

/**
 * Prints a row's line, `{id, what, form, n, failures, figure, limit, of, unit}`; the file FAULTS_RESULTS gets it, too. For
 * what a test of another row measures beside it.
 */
export function report({ id, what, counts, limit }: FaultRow, outcome: Outcome): void {
  const { n = counts[FORM], failures, figure } = outcome;
  const result: RowResult = { id, what, form: FORM, n, failures: failures.length };
  if (limit !== undefined) Object.assign(result, { limit: limit.most, of: limit.of, unit: limit.unit });
  if (figure !== undefined) result.figure = Number(figure.toPrecision(4));
  const line = JSON.stringify(result);
  console.log(line);
  const file = process.env["FAULTS_RESULTS"];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

/** The value below which that share of the values lies; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Numbers from 0 to 1 that a seed repeats. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** FAULTS_SEED, or a new seed each time. */
export const SEED = Number(process.env["FAULTS_SEED"] ?? Date.now() % 1_000_000);
console.log(`FAULTS_SEED=${SEED}`);
