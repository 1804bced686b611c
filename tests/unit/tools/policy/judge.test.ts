import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Effort, inspectScript, MAX_EFFORT } from "../../../../src/tools/policy/inspection.ts";
import { createPlaces } from "../../../../src/tools/policy/places.ts";
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
  it("the verdict is the strictest of all that applies, and says why", () => {
    const verdict = createJudge(CONTEXT)({ tool: "terminal", command: "rm -r a; chmod 777 b; rm -rf /" });
    expect(verdict).toEqual({
      verdict: "deny",
      rule: "delete-system",
      reason: "it deletes the system or a home directory",
    });
  });

  it("the verdict asks about a command that is too long to be judged, unless its start is denied", () => {
    const padding = " ".repeat(300_000);
    expect(verdictOf(`ls${padding}; rm -rf /`)).toBe("ask too-long");
    expect(verdictOf(`rm -rf / ; ls${padding}`)).toBe("deny delete-system");
  });
});

/** What reading a command costs, in characters that rules look at. */
function effortOf(command: string): number {
  const effort = new Effort();
  const places = createPlaces(CONTEXT)(CONTEXT.workspaceRoot);
  inspectScript({ context: CONTEXT, places, found: new Set(), effort }, command);
  return effort.spent;
}

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

  it.each(
    parts.map((part) => [part]),
  )("hostile inputs takes no more effort for 32 KB of %j than for any other text", (part) => {
    const effortFor = (chars: number) =>
      effortOf(part.repeat(Math.ceil(chars / part.length)).slice(0, chars));
    const [half, whole] = [effortFor(16_000), effortFor(32_000)];
    expect(whole).toBeLessThanOrEqual(MAX_EFFORT + 1);
    if (half < (MAX_EFFORT + 1) / 4) expect(whole).toBeLessThan(half * 3 + 10_000);
  });

  it("hostile inputs takes no more effort for any text that is put together from these", () => {
    const word = fc.constantFrom(...parts, "git log", "ls -la ", "echo $X;", "X='a b c';", " a/b", "\n");
    const texts = fc.array(fc.tuple(word, fc.integer({ min: 1, max: 3_000 })), { maxLength: 12 });
    const property = fc.property(texts, (pieces) => {
      const text = pieces.map(([piece, count]) => piece.repeat(count)).join("");
      expect(effortOf(text.slice(0, 32_000))).toBeLessThanOrEqual(MAX_EFFORT + 1);
    });
    fc.assert(property, { numRuns: 30 });
  });

  it.each([
    ["commands", "ls;".repeat(3_000)],
    ["arguments", `ls ${"a ".repeat(15_000)}`],
    ["paths to look up", `ls ${Array.from({ length: 1_500 }, (_, i) => `a${i}/b`).join(" ")}`],
    ["uses of a variable that holds much", `X='${"a ".repeat(100)}'; echo ${"$X ".repeat(2_000)}`],
  ])("hostile inputs are asked about when they have too many %s", (_what, command) => {
    expect(verdictOf(command)).toBe("ask too-long");
  });

  it("hostile inputs does not ask about a long text that is only data", () => {
    expect(verdictOf(`cat > notes.md <<'EOF'\n${"rm -rf / and so on\n".repeat(1_500)}EOF`)).toBe("allow");
    expect(verdictOf(`git add ${Array.from({ length: 500 }, (_, i) => `src/file-${i}.ts`).join(" ")}`)).toBe(
      "allow",
    );
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
