import { z } from "zod";
import type { ErrorCode } from "../../domain/error-codes.ts";
import { pairs } from "./bounded.ts";

/** An optional field: null means absent, as for OpenAI. */
export function optional<Schema extends z.ZodType>(schema: Schema): z.ZodOptional<z.ZodNullable<Schema>> {
  return schema.nullish();
}

/** `metadata`: at most 16 pairs, keys of 64 and values of 512 characters. */
export const Metadata = pairs(
  z.string().max(64, "a key has more than 64 characters"),
  z.string().max(512, "has more than 512 characters"),
  16,
);

/** More messages or items than any conversation has. */
export const MAX_ITEMS = 10_000;

/** Functions that a client may declare. */
export const MAX_TOOLS = 128;

/** Nesting deeper than this is nobody's schema, and would overflow the stack of whoever prints it. */
const MAX_DEPTH = 100;

/** More names than any schema has side by side at its top. */
const MAX_PAIRS = 1_000;

/** A JSON object that is passed on as it is, for example a JSON Schema. */
export const AnyObject = pairs(z.string(), z.unknown(), MAX_PAIRS).refine(
  (value) => depthWithin(value, MAX_DEPTH),
  `is nested deeper than ${MAX_DEPTH} levels`,
);

/** Whether a JSON value is nested at most so deep; walks level by level, so depth costs no stack. */
export function depthWithin(value: unknown, maxDepth: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return false;
    level = level.flatMap((entry) =>
      typeof entry === "object" && entry !== null ? Object.values(entry) : [],
    );
  }
  return true;
}

/** How hard a model should think; the reference's levels included. */
export const ReasoningEffort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"]);

/** A function's name, as OpenAI allows it. */
export const FunctionName = z
  .string()
  .regex(/^[a-zA-Z0-9_-]{1,64}$/, "use 1 to 64 letters, digits, '_' and '-'");

/** A refusal of something that OpenAI knows and an agent cannot do. */
export const unsupported = (message: string) => ({
  error: message,
  params: { code: "unsupported_parameter" satisfies ErrorCode },
});

/** A field of OpenAI's that is refused by name, since leaving it out in silence would answer something else. */
export const onlyNull = (message: string) =>
  optional(z.unknown().refine((value) => value === null, unsupported(message)));

/** A whole number in a query, where it comes as text. */
export const QueryNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${from} to ${to}`)
    .transform(Number)
    .pipe(z.int().min(from, `must be from ${from} to ${to}`).max(to, `must be from ${from} to ${to}`));

export const Whole = z.int("must be a whole number");

/** A limit of output tokens. */
export const Tokens = Whole.min(1, "must be at least 1");

/** hermes: reasoning and service tier in its own words. */
export const ModelOptions = optional(
  z.object({
    reasoning: optional(z.object({ enabled: optional(z.boolean()), effort: optional(z.string()) })),
    reasoning_effort: optional(z.string()),
    service_tier: optional(z.string()),
    fast: optional(z.boolean()),
  }),
);
export type ModelOptions = z.infer<typeof ModelOptions>;
