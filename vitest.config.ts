import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/faults/**"],
    testTimeout: 15_000,
    hookTimeout: 15_000,
    pool: "threads",
  },
});
