import { expect, test } from "vitest";
import { Protection } from "../../../../src/tools/files/protection.ts";

test.each([
  ["/proc", true],
  ["/proc/1/environ", true],
  ["/sys/kernel", true],
  ["/dev", true],
  ["/dev/null", true],
  ["/dev/shm", false],
  ["/dev/shm/work", false],
  ["/dev/shmx", true],
  ["/device", false],
])("the path %s is one of the kernel's: %s", (path, isKernels) => {
  expect(new Protection([]).lookUp().covers(path)).toBe(isKernels);
});
