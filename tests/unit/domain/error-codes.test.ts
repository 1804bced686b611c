import { expect, it } from "vitest";
import { Failure } from "../../../src/domain/error.ts";
import { ERROR_CODES, errorKind, errorType } from "../../../src/domain/error-codes.ts";
import { envelope, httpStatus } from "../../../src/http/errors.ts";
import { filesIn, textOf } from "../../helpers/sources.ts";

const CODES = Object.keys(ERROR_CODES);
const SOURCES = ["src", "routes", "tools"]
  .flatMap((folder) => filesIn(folder))
  .filter((file) => file !== "src/domain/error-codes.ts");

it("every code of the catalogue is made somewhere in the program", () => {
  // A code that is only compared with is not made.
  const text = SOURCES.map(textOf)
    .join("\n")
    .replaceAll(/[!=]== "\w+"/g, "");
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

it("a failure that an older build stored with its status and type is answered as its code says", () => {
  const text = '{"status":429,"type":"rate_limit_error","code":"upstream_rate_limited","message":"Wait."}';
  const failure = Failure.parse(JSON.parse(text));
  expect(httpStatus(failure)).toBe(429);
  expect(envelope(failure).error).toMatchObject({ type: "rate_limit_error", code: "upstream_rate_limited" });
});

it("every setting that a cure names is one of the configuration's sections", () => {
  const guide = textOf("docs/guides/configuration.md");
  const named = Object.values(ERROR_CODES).flatMap(({ meaning, cure }) =>
    [...`${meaning} ${cure}`.matchAll(/\b(?:agent|approvals|llm)\.([a-z_]+)/g)].map(([, name = ""]) => name),
  );
  expect(named).toContain("timeout_seconds");
  expect(named.filter((name) => !new RegExp(`^ *${name}:`, "m").test(guide))).toEqual([]);
});
