import { describe, expect, it } from "vitest";
import { expandWords, predictPrinted } from "../../../../src/tools/shell/expand.ts";
import { parseShell } from "../../../../src/tools/shell/parse.ts";

const VARIABLES = new Map([
  ["HOME", "/home/ada"],
  ["TWO", "a b"],
  ["IFS", " \t\n"],
]);

/** The words of each command after expansion; what only a shell can know is written as `?`. */
function commandsOf(script: string): string[][] {
  return parseShell(script).map((command) =>
    expandWords(command.words, VARIABLES).map(({ text, computed }) => (computed ? `${text}?` : text)),
  );
}

describe("parseShell and expandWords", () => {
  const cases: [script: string, commands: string[][]][] = [
    ["", []],
    ["a b  c", [["a", "b", "c"]]],
    ["a;b&&c||d|e&f\ng", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]],
    ["(a b); { c; }", [["a", "b"], ["{", "c"], ["}"]]],
    ["a 'b c' \"d e\" f\\ g", [["a", "b c", "d e", "f g"]]],
    ["a\"b\"'c'\\d", [["abcd"]]],
    ["''", [[""]]],
    ["a '' b", [["a", "", "b"]]],
    ["a \\\n b", [["a", "b"]]],
    ['"a\\"b\\$c\\d"', [['a"b$c\\d']]],
    ["'a\\'b", [["a\\b"]]],
    ["$'a\\n\\x41\\101\\u00e9\\''", [["a\nAAé'"]]],
    ["a # b\nc #d", [["a"], ["c"]]],
    ["a#b", [["a#b"]]],
    ["echo $HOME \"$HOME/x\" '$HOME'", [["echo", "/home/ada", "/home/ada/x", "$HOME"]]],
    ["$TWO", [["a", "b"]]],
    ['"$TWO"', [["a b"]]],
    ["x$TWO-y", [["xa", "b-y"]]],
    ["a$IFS-b", [["a", "-b"]]],
    ["$NONE", [["?"]]],
    ['"$NONE/"', [["/?"]]],
    [`\${HOME}/a \${NONE:-b} \${HOME:?no}`, [["/home/ada/a", "b?", "/home/ada"]]],
    [`\${HOME#/home}`, [["?"]]],
    ["a{b,c}d {x}", [["abd", "acd", "{x}"]]],
    ["'a{b,c}d'", [["a{b,c}d"]]],
    ["$(echo a b) \"$(printf '%s-%s' c d)\"", [["a", "b", "c-d"]]],
    ["$(date) `date`", [["?", "?"]]],
    ["a <(b) >(c)", [["a", "/dev/fd/63?", "/dev/fd/63?"]]],
    ["a 2>&1 >b 3<c d", [["a", "d"]]],
    ["a2>b", [["a2"]]],
    ["a $ b$", [["a", "$", "b$"]]],
    ["a 'unclosed", [["a", "unclosed"]]],
    ['a "unclosed $(b', [["a", "unclosed ?"]]],
  ];
  it.each(cases)("%j", (script, expected) => {
    expect(commandsOf(script)).toEqual(expected);
  });

  it("parseShell and expandWords keeps what ends each command, so that pipes can be followed", () => {
    expect(parseShell("a | b && c; d").map(({ end }) => end)).toEqual(["|", "&&", ";", ""]);
  });

  it("parseShell and expandWords gives commands their here-documents, in order, with expansions unless the mark is quoted", () => {
    const [first, second] = parseShell("a <<X <<-'Y'; b\n1 $(c)\nX\n\t2 $(d)\n\tY\ne");
    expect(first?.input.map((word) => word.map((piece) => piece.kind))).toEqual([
      ["text", "substitution", "text"],
      ["text"],
    ]);
    expect(first?.input[1]).toEqual([{ kind: "text", text: "\t2 $(d)\n", quoted: true }]);
    expect(second?.words).toHaveLength(1);
    expect(parseShell("cat <<X\nnever closed").at(0)?.input).toHaveLength(1);
  });

  it("parseShell and expandWords keeps redirections apart from words", () => {
    expect(
      parseShell("a >> b 2>/dev/null &> c")
        .at(0)
        ?.redirects.map(({ operator }) => operator),
    ).toEqual([">>", ">", "&>"]);
  });
});

describe("printed", () => {
  it("printed knows what echo and printf print", () => {
    expect(predictPrinted("echo", ["-e", "a", "b\\tc"])).toBe("a b\tc");
    expect(predictPrinted("printf", ["%s\\n", "a"])).toBe("a\n");
    expect(predictPrinted("printf", ["\\x72m"])).toBe("rm");
    expect(predictPrinted("cat", ["a"])).toBeUndefined();
  });
});
