import type { z } from "zod";

/** One thing that zod found wrong. */
export type Issue = z.core.$ZodIssue;

/** Of a union's alternatives, what is wrong with the one that fitted best: the deepest, or one whose type was right. */
export function bestIssue(issue: Issue, prefix: readonly PropertyKey[] = []): Issue {
  const path = [...prefix, ...issue.path];
  if (issue.code !== "invalid_union") return { ...issue, path };
  const inner = issue.errors.flatMap((issues) => issues.slice(0, 1).map((first) => bestIssue(first, path)));
  const telling = inner.filter((found) => found.path.length > path.length || found.code !== "invalid_type");
  return telling.sort((a, b) => b.path.length - a.path.length)[0] ?? { ...issue, path };
}

/** What is wrong, to be read after the name of the field: `expected number, received string`. */
export function sayIssue(issue: Issue): string {
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    return `expected ${issue.errors.flatMap(([first]) => (first?.code === "invalid_type" ? first.expected : [])).join(" or ")}`;
  }
  const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const plain = message.replace(/^Invalid (input|option|discriminator value)[:.] /, "");
  return plain.charAt(0).toLowerCase() + plain.slice(1);
}
