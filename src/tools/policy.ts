import { stripVTControlCharacters } from "node:util";
import { Effort, type Guide, inspectScript, inspectWrites } from "./policy/inspection.ts";
import { createPlaces, type PolicyContext } from "./policy/places.ts";
import { ASKED, DENIED, type RuleId } from "./policy/reasons.ts";

export type { PolicyContext } from "./policy/places.ts";

/** What a tool is about to do. */
interface PolicyCall {
  tool: string;
  /** The shell text that it runs, if it runs one. */
  command?: string;
  /** The files that it changes: relative to the workspace, or absolute. */
  writes?: readonly string[];
  /** Where relative paths begin; the workspace when left out. */
  cwd?: string;
  /** Why the tool itself wants a person to be asked. */
  asks?: string;
}

/** What the policy says to a call. `ask`: a person may allow it; `deny`: nobody may. */
type Verdict =
  | { verdict: "allow" }
  | { verdict: "ask" | "deny"; rule: RuleId | "asked-by-tool"; reason: string };

/** Nobody can approve a longer one by reading it, and reading it takes time that other requests wait for. */
const MAX_COMMAND_CHARS = 32 * 1024;

/**
 * Makes the judge of calls before they run: what is never allowed is denied, what can do harm is asked. It goes by the
 * call's text, and by where the paths in it lead at that moment.
 *
 * The command is read as a shell would read it: quotes, backslashes, variables, substitutions, pipes and programs
 * that start other programs are seen through, and text that only talks about a command is left alone. It is judged
 * as written and again with Unicode look-alikes and control characters removed; the stricter answer counts.
 *
 * This is a guard rail, not a wall. A text cannot show what a program does (`./script.sh`, a decoded string), or what
 * a file holds, or a link leads to, when it runs; whoever wants to get round it can. Isolation is the
 * sandbox's task.
 */
export function createJudge(context: PolicyContext): (call: PolicyCall) => Verdict {
  const placesNow = createPlaces(context);
  return ({ command, writes = [], asks, cwd = context.workspaceRoot }) => {
    const found = new Set<RuleId>();
    // What runs nothing and writes nothing breaks no rule, so no path needs to be looked up.
    if (command !== undefined || writes.length > 0) {
      const guide = {
        context: { ...context, workspaceRoot: cwd },
        places: placesNow(cwd),
        found,
        effort: new Effort(),
      };
      inspectWrites(guide, writes);
      if (command !== undefined) inspectCommand(guide, command);
    }
    if (found.size > 0) return strictest(found);
    return asks === undefined ? ALLOWED : { verdict: "ask", rule: "asked-by-tool", reason: asks };
  };
}

function inspectCommand(guide: Guide, command: string): void {
  const text = command.slice(0, MAX_COMMAND_CHARS);
  for (const reading of new Set([text, printableText(text)])) inspectScript(guide, reading);
  const isTooLong = command.length > MAX_COMMAND_CHARS || guide.effort.isOver || guide.places.isSpent;
  if (isTooLong) guide.found.add("too-long");
}

const ALLOWED: Verdict = { verdict: "allow" };

/** The text as a reader sees it: look-alikes as what they look like, nothing invisible, no terminal control. */
function printableText(text: string): string {
  return stripVTControlCharacters(text)
    .normalize("NFKC")
    .replace(/\r\n?/g, "\n")
    .replace(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, "");
}

function strictest(found: ReadonlySet<RuleId>): Verdict {
  let answer = ALLOWED;
  for (const rule of found) {
    if (isDenied(rule)) return { verdict: "deny", rule, reason: DENIED[rule] };
    if (answer.verdict === "allow") answer = { verdict: "ask", rule, reason: ASKED[rule] };
  }
  return answer;
}

function isDenied(rule: RuleId): rule is keyof typeof DENIED {
  return Object.hasOwn(DENIED, rule);
}
