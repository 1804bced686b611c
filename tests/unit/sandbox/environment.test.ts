import { expect, it } from "vitest";
import { safeEnvironment } from "../../../src/sandbox/environment.ts";

it("passes on what programs need to find their way, and nothing else", () => {
  const env = {
    PATH: "/bin",
    HOME: "/home/ada",
    LC_ALL: "C",
    TZ: "UTC",
    OPENAI_API_KEY: "canary",
    HERMES_HOME: "canary",
    NODE_OPTIONS: "canary",
    LD_PRELOAD: "canary",
    BASH_ENV: "canary",
    ENV: "canary",
    PATH_SECRET: "canary",
    UNDEFINED: undefined,
  };
  expect(safeEnvironment(env)).toEqual({ PATH: "/bin", HOME: "/home/ada", LC_ALL: "C", TZ: "UTC" });
});

it("gives commands a search path when the server has none", () => {
  expect(safeEnvironment({})).toEqual({ PATH: "/usr/local/bin:/usr/bin:/bin" });
});
