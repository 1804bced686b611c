/** Writes docs/guides/errors.md from the catalogue of error codes; `--check` only compares. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERROR_CODES, type ErrorCode, errorType } from "../src/domain/error-codes.ts";
import { httpStatus } from "../src/http/errors.ts";

const FILE = join(import.meta.dirname, "..", "docs", "guides", "errors.md");

const HEAD = `# Errors

Every failure has OpenAI's form: \`{"error": {"message", "type", "param", "code"}}\`. The code says what happened; the message is
for people and may change. \`param\` names the field. A stream that fails sends the same object as its last frame; a run that
fails keeps it. \`Retry-After\` and \`retry-after-ms\` say when to come back, and \`x-should-retry: false\` that the same request
cannot succeed, or has already changed something.

An id that a request names in its body or path is as unknown as one that does not exist when it is somebody else's. An
\`item_not_found\` is a 400 where a request names the item in its body, not in its path.

| code | status | type | what happened | what to do |
|---|---:|---|---|---|
`;

function row([code, { meaning, cure }]: [string, { meaning: string; cure: string }]): string {
  const cells = [`\`${code}\``, httpStatus({ code: code as ErrorCode }), errorType(code), meaning, cure];
  return `| ${cells.join(" | ")} |`;
}

const rows = Object.entries(ERROR_CODES)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(row);
const page = `${HEAD}${rows.join("\n")}\n`;

if (!process.argv.includes("--check")) writeFileSync(FILE, page);
else if (readFileSync(FILE, "utf8") !== page) {
  console.error("docs/guides/errors.md is not what the catalogue says: run npm run openapi.");
  process.exitCode = 1;
}
