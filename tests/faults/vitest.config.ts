import { defineConfig } from "vitest/config";

/** The long tests, which `npm test` leaves out: one after the other, since they fill the machine by themselves. */
export default defineConfig({
  test: {
    include: ["tests/faults/**/*.test.ts"],
    globalSetup: "tests/process/build.ts",
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    // What was found and measured is for people to read.
    disableConsoleIntercept: true,
  },
});
