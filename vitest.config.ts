import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** They hold the clock still, and count timers: nothing else may run in their thread. */
const ALONE = [
  "tests/http/idempotency.test.ts",
  "tests/unit/agent/ending.test.ts",
  "tests/unit/app/failed-start.test.ts",
  "tests/unit/http/streams.test.ts",
  "tests/unit/http/wrong-keys.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "server",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/faults/**", "tests/process/**", ...ALONE],
          // Nothing in the program has a state of its own, so that files may share what they load: half of the time.
          isolate: false,
        },
      },
      { extends: true, test: { name: "clock", include: ALONE } },
      // The real process runs from dist/, which is built before the first of these.
      {
        extends: true,
        test: {
          name: "process",
          include: ["tests/process/**/*.test.ts"],
          globalSetup: "tests/process/build.ts",
        },
      },
    ],
    // Sets the limits, by how slow the machine is.
    setupFiles: "tests/setup.ts",
    pool: "threads",
    // Many tests wait for processes and sockets; by default one core would be left idle.
    maxWorkers: availableParallelism() + 1,
  },
});
