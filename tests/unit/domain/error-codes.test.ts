import { expect, it } from "vitest";
import { ERROR_CODES, errorKind, errorType } from "../../../src/domain/error-codes.ts";
import { httpStatus } from "../../../src/http/errors.ts";
import { filesIn, textOf } from "../../helpers/sources.ts";

const CODES = Object.keys(ERROR_CODES);
const SOURCES = ["src", "routes", "tools"]
  .flatMap((folder) => filesIn(folder))
  .filter((file) => file !== "src/domain/error-codes.ts");

it("every code of the catalogue is made somewhere in the program", () => {
  const text = SOURCES.map(textOf).join("\n");
  expect(CODES.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
});

it.each(
  Object.entries(ERROR_CODES),
)("the code %s has a sentence for what happened and one for the cure", (_code, entry) => {
  expect(entry.meaning).toMatch(/^[A-Z].*\.$/);
  expect(entry.cure).toMatch(/^[A-Z].*\.$/);
});

it("only the server's own failures are 5xx, and only those and limits are no invalid_request_error", () => {
  for (const code of CODES) {
    const status = httpStatus({ code: code as keyof typeof ERROR_CODES });
    const type = errorType(code);
    if (status === 429) expect(type).toBe("rate_limit_error");
    else if (type === "server_error") expect(status >= 500 || code === "run_cancelled").toBe(true);
    else expect(status < 500 || code === "http_version_not_supported").toBe(true);
  }
});

it("a failure that an older build stored with a code that is gone is an internal error", () => {
  expect(errorKind({ code: "gone_since" })).toBe("internal");
  expect(errorType("gone_since")).toBe("server_error");
});

it("every setting that a cure names is one of the configuration's sections", () => {
  const guide = textOf("docs/guides/configuration.md");
  const named = Object.values(ERROR_CODES).flatMap(({ meaning, cure }) =>
    [...`${meaning} ${cure}`.matchAll(/\b(?:agent|approvals|llm)\.([a-z_]+)/g)].map(([, name = ""]) => name),
  );
  expect(named).toContain("timeout_seconds");
  expect(named.filter((name) => !new RegExp(`^ *${name}:`, "m").test(guide))).toEqual([]);
});
