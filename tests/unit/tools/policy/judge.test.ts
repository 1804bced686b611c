import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createJudge } from "../../../../src/tools/policy.ts";
import { CONTEXT, verdictOf } from "../../../helpers/policy.ts";

describe("files that a tool writes", () => {
  const cases: [path: string, expected: string][] = [
    ["src/a.ts", "allow"],
    ["/srv/work/project/a.txt", "allow"],
    ["secret.key", "deny protected"],
    ["SECRET.KEY", "deny protected"],
    ["/home/ada/.hermes/.env", "deny protected"],
    ["/home/ada/.hermes/skills/a/SKILL.md", "ask write-hermes"],
    [".env", "ask write-keys"],
    [".env.example", "allow"],
    ["/etc/hosts", "ask write-etc"],
    ["/home/ada/.bashrc", "ask write-startup"],
    ["/dev/sda", "deny write-device"],
  ];
  it.each(cases)("%s: %s", (path, expected) => {
    const verdict = createJudge(CONTEXT)({ tool: "write_file", writes: [path] });
    expect(verdict.verdict === "allow" ? "allow" : `${verdict.verdict} ${verdict.rule}`).toBe(expected);
  });

  it("a workspace inside the server's directory may be written", () => {
    const workspaceRoot = "/home/ada/.hermes/workspace";
    const context = { ...CONTEXT, workspaceRoot };
    expect(createJudge(context)({ tool: "write_file", writes: ["a.txt"] }).verdict).toBe("allow");
    expect(createJudge(context)({ tool: "write_file", writes: ["../SOUL.md"] }).verdict).toBe("ask");
  });

  it("relative paths begin where the call is made", () => {
    const judge = createJudge(CONTEXT);
    const verdictIn = (cwd: string) => [
      judge({ tool: "write_file", writes: ["../x/hosts"], cwd }).verdict,
      judge({ tool: "terminal", command: "echo a > ../x/hosts", cwd }).verdict,
    ];
    expect([verdictIn("/srv/x"), verdictIn("/etc/x")]).toEqual([
      ["allow", "allow"],
      ["ask", "ask"],
    ]);
  });

  it("a tool that runs and writes nothing is allowed", () => {
    expect(createJudge(CONTEXT)({ tool: "read_file" })).toEqual({ verdict: "allow" });
  });
});

describe("the verdict", () => {
  it("is the strictest of all that applies, and says why", () => {
    const verdict = createJudge(CONTEXT)({ tool: "terminal", command: "rm -r a; chmod 777 b; rm -rf /" });
    expect(verdict).toEqual({
      verdict: "deny",
      rule: "delete-system",
      reason: "it deletes the system or a home directory",
    });
  });

  it("asks about a command that is too long to be judged, unless its start is denied", () => {
    const padding = " ".repeat(300_000);
    expect(verdictOf(`ls${padding}; rm -rf /`)).toBe("ask too-long");
    expect(verdictOf(`rm -rf / ; ls${padding}`)).toBe("deny delete-system");
  });
});

describe("hostile inputs", () => {
  const parts = [
    "$(",
    "`",
    `\${a:-`,
    "'",
    '"',
    "\\",
    "(",
    "{a,b}",
    "<<E\n",
    "a=b ",
    "sudo ",
    ";a",
    "|sh",
    "a(){",
    "$a",
    "/",
    "*",
    "../",
    "\u001b[",
    "./*",
    "find -exec ",
    "- ",
    "rm -rf ",
    "~",
    "delete from ",
    "/proc/",
    "a ",
    "{",
    "echo $(echo ",
    "a(){b|",
    "X=$X$X;",
    "[",
    "\u200b",
    "é",
  ];

  it.each(parts.map((part) => [part]))("100,000 characters of %j are judged within 2 s", (part) => {
    const command = part.repeat(Math.ceil(100_000 / part.length));
    const start = performance.now();
    verdictOf(command);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it("never throws, and the end of a text does not change a denial in its beginning", () => {
    const piece = fc.constantFrom(...parts, "rm", " -rf", " /", "\n", ";", "&&", "x");
    const property = fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const tail = pieces.join("");
      expect(verdictOf(tail)).toMatch(/^(allow$|ask|deny)/);
      expect(verdictOf(`rm -rf /\n${tail}`)).toMatch(/^deny/);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
