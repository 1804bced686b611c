import { describe, expect, it } from "vitest";
import { z } from "zod";
import { errorKind } from "../../../src/domain/error-codes.ts";
import { formatParam, toValidationError } from "../../../src/lib/read-as.ts";

/** What a client is told about a value that does not fit. */
function told(schema: z.ZodType, value: unknown) {
  const result = schema.safeParse(value);
  if (result.success) throw new Error("the value fits");
  const { param, code, message } = toValidationError(result.error, value).failure;
  expect(errorKind({ code })).toBe("invalid");
  return { param, code, message };
}

describe("param", () => {
  it.each([
    [["stop"], "stop"],
    [["messages", 2, "content"], "messages[2].content"],
    [["tools", 0, "function", "name"], "tools[0].function.name"],
    [["a", 1, 2], "a[1][2]"],
    [[], ""],
  ])("%j is %j", (path, expected) => {
    expect(formatParam(path)).toBe(expected);
  });
});

describe("what is told", () => {
  const schema = z.object({ name: z.string(), age: z.number().min(1).nullish() });

  it("a field that is missing is missing, at any depth", () => {
    const missing = { code: "missing_required_parameter", message: "Missing required parameter: 'name'." };
    expect(told(schema, {})).toEqual({ ...missing, param: "name" });
    expect(told(schema, { name: undefined })).toEqual({ ...missing, param: "name" });
    expect(told(z.object({ inner: schema }), { inner: {} }).param).toBe("inner.name");
  });

  it("a field of a wrong type or null is not missing", () => {
    expect(told(schema, { name: 5 })).toEqual({
      param: "name",
      code: "invalid_value",
      message: "Invalid 'name': expected string, received number.",
    });
    expect(told(schema, { name: null }).message).toBe("Invalid 'name': expected string, received null.");
    expect(told(schema, { name: "x", age: "5" }).param).toBe("age");
  });

  it("the first of several faults is told", () => {
    expect(told(schema, { age: 0 }).param).toBe("name");
  });

  it("a body that is no object has no field to name", () => {
    for (const value of [[], null, "x", undefined]) {
      expect(told(schema, value)).toMatchObject({
        param: undefined,
        message: "The body must be a JSON object.",
      });
    }
  });

  it("what is told of a union, the alternative that fitted best is told", () => {
    const union = z.object({ stop: z.union([z.string(), z.array(z.string()).max(2, "has too many")]) });
    expect(told(union, { stop: 5 }).message).toBe("Invalid 'stop': expected string or array.");
    expect(told(union, { stop: ["a", "b", "c"] }).message).toBe("Invalid 'stop': has too many.");
    expect(told(union, { stop: ["a", 5] })).toMatchObject({ param: "stop[1]" });
  });

  it("what is told of nested unions as well", () => {
    const part = z.discriminatedUnion("type", [z.object({ type: z.literal("text"), text: z.string() })]);
    const nested = z.object({ content: z.union([z.string(), z.array(z.union([z.string(), part]))]) });
    expect(told(nested, { content: ["a", { type: "text" }] })).toMatchObject({
      param: "content[1].text",
      code: "missing_required_parameter",
    });
    expect(told(nested, { content: [{ type: "sound" }] }).param).toBe("content[0].type");
  });

  it("a schema's own code is kept", () => {
    const picky = z.object({
      n: z.number().refine((n) => n < 2, { error: "too many", params: { code: "unsupported_parameter" } }),
    });
    expect(told(picky, { n: 2 })).toEqual({
      param: "n",
      code: "unsupported_parameter",
      message: "Invalid 'n': too many.",
    });
  });
});
