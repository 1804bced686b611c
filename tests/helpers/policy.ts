import { expect, it } from "vitest";
import { protectedPaths } from "../../src/config/profile.ts";
import { createJudge, type PolicyContext } from "../../src/tools/policy.ts";

/** Where the judged commands run. */
export const CONTEXT: PolicyContext = {
  home: "/home/ada",
  hermesHome: "/home/ada/.hermes",
  protectedPaths: [
    ...protectedPaths({ path: "/home/ada/.hermes", profile: undefined }),
    "/srv/work/project/secret.key",
  ],
  workspaceRoot: "/srv/work/project",
  pid: 4242,
};

/** What the policy says to a command: `allow`, or the verdict and its rule. */
export function verdictOf(command: string): string {
  const verdict = createJudge(CONTEXT)({ tool: "terminal", command });
  return verdict.verdict === "allow" ? "allow" : `${verdict.verdict} ${verdict.rule}`;
}

/** Rows of one verdict, each command a test. */
export function rows(expected: string, commands: readonly string[]): void {
  it.each(commands.map((command) => [command]))(`${expected}: %s`, (command) => {
    expect(verdictOf(command)).toBe(expected);
  });
}
