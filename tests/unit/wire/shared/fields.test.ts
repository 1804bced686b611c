import { describe, expect, it } from "vitest";
import { DetailedHealth, Health, Ready, ToolsetList } from "../../../../src/wire/hermes/health/schema.ts";
import { Model, ModelList } from "../../../../src/wire/openai/models/schema.ts";
import { ErrorBody } from "../../../../src/wire/shared/error.ts";
import { depthWithin, FunctionName, Metadata, optional } from "../../../../src/wire/shared/fields.ts";

describe("fields", () => {
  it("an optional field may be absent or null, but not of another type", () => {
    const field = optional(FunctionName);
    expect([undefined, null, "a"].every((value) => field.safeParse(value).success)).toBe(true);
    expect(field.safeParse(5).success).toBe(false);
  });

  it("a function's name has 1 to 64 letters, digits, _ and -", () => {
    const fits = (name: string) => FunctionName.safeParse(name).success;
    expect(["a", "get_weather-2", "A".repeat(64)].filter(fits)).toHaveLength(3);
    expect(["", "a b", "a.b", "ä", "A".repeat(65), "a\n"].filter(fits)).toEqual([]);
  });

  it("metadata has at most 16 pairs of 64 and 512 characters", () => {
    const pairs = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, ""]));
    const fits = (value: unknown) => Metadata.safeParse(value).success;
    expect([fits(pairs(16)), fits(pairs(17))]).toEqual([true, false]);
    expect([fits({ a: "v".repeat(512) }), fits({ a: "v".repeat(513) })]).toEqual([true, false]);
    expect([fits({ ["k".repeat(64)]: "" }), fits({ ["k".repeat(65)]: "" })]).toEqual([true, false]);
  });

  it("depth counts every level, and a deep value costs no stack", () => {
    expect([
      depthWithin(5, 0),
      depthWithin({}, 0),
      depthWithin({ a: 1 }, 0),
      depthWithin({ a: 1 }, 1),
    ]).toEqual([true, true, false, true]);
    let deep: unknown = [];
    for (let level = 0; level < 500_000; level++) deep = [deep];
    expect(depthWithin(deep, 100)).toBe(false);
  });
});

describe("answers", () => {
  const model = {
    id: "hermes-agent",
    object: "model",
    created: 1,
    owned_by: "hermes",
    permission: [],
    root: "hermes-agent",
    parent: null,
    name: "hermes-agent",
    context_length: 128_000,
    architecture: { input_modalities: ["text"], output_modalities: ["text"] },
  };

  it("a model has what OpenAI, the reference and frontends read", () => {
    expect(Model.parse(model)).toEqual(model);
    for (const key of Object.keys(model)) {
      expect(Model.safeParse({ ...model, [key]: undefined }).success, key).toBe(false);
    }
    expect(ModelList.safeParse({ object: "list", data: [model] }).success).toBe(true);
  });

  it("an error has all four keys, null included", () => {
    const error = { message: "m", type: "t", param: null, code: null };
    expect(ErrorBody.safeParse({ error }).success).toBe(true);
    for (const key of Object.keys(error)) {
      expect(ErrorBody.safeParse({ error: { ...error, [key]: undefined } }).success, key).toBe(false);
    }
  });

  it("health says nothing but that it is well", () => {
    expect(Object.keys(Health.shape)).toEqual(["status", "platform", "version"]);
    expect(Ready.shape.status.options).toEqual(["ready", "not_ready"]);
    expect(DetailedHealth.safeParse({ status: "ok" }).success).toBe(false);
    expect(ToolsetList.safeParse({ object: "list", platform: "api_server", data: [] }).success).toBe(true);
  });
});
