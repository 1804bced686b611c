import { type FunctionCallOutputBody, type ItemBody, joinText } from "../../../domain/item.ts";
import { NO_USAGE, type Usage } from "../../../domain/usage.ts";
import type { ModelItem, ModelRequest, ModelSink, Provider } from "../../provider.ts";
import { Assembler } from "../../transport/assembler.ts";

/** How to get a real model, as the demo itself and the log tell it. */
export const DEMO_HINT =
  "To connect a real model, set one of OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENROUTER_API_KEY, or LLM_BASE_URL and LLM_MODEL for any server that speaks OpenAI's protocol, or start Ollama or LM Studio; then restart the server.";

const INTRODUCTION = `I am the demo: a rule-based stand-in, not a language model. ${DEMO_HINT}\n\n`;

const ABILITIES =
  'Until then you can see the whole loop: the tools do what they say. Try "list the files here", "run `uname -a`", "read README.md" or "search for TODO".';

/** What a user may write, and the tool call that it means. */
interface Rule {
  pattern: RegExp;
  tool: string;
  arguments(match: RegExpExecArray): Record<string, unknown>;
}

const RULES: readonly Rule[] = [
  {
    // Without quotes, the command must be the whole message: "I like to run" names none.
    pattern:
      /\b(?:run|execute)\s+(?:the command\s+)?(?:`([^`]+)`|"([^"]+)")|^\s*(?:please\s+)?(?:run|execute)\s+(?:the command\s+)?([^\s`"][^\n]*?)\s*$/i,
    tool: "terminal",
    arguments: (match) => ({ command: (match[1] ?? match[2] ?? match[3] ?? "").trim() }),
  },
  {
    pattern:
      /\b(?:[Rr]ead|[Ss]how|[Oo]pen|[Cc]at)\s+(?:me\s+)?(?:the file\s+)?[`"']?([\w./-]*\w\.\w+|[A-Z]{4,})[`"']?/,
    tool: "read_file",
    arguments: (match) => ({ path: match[1] ?? "" }),
  },
  {
    pattern: /\b(?:search|grep|look)\s+for\s+[`"']?([^`"'\n]+?)[`"']?\s*[.!?]?$/im,
    tool: "search_files",
    arguments: (match) => ({ pattern: match[1] ?? "", target: "content" }),
  },
  {
    pattern: /\b(?:list|show|what|which)\b[^\n]*\b(?:files|folder|directory)\b/i,
    tool: "terminal",
    arguments: () => ({ command: "ls -la" }),
  },
];

const SERVED = { provider: "demo", model: "demo" };

const WORD_DELAY_MS = 15;
const MAX_SHOWN_CHARS = 4_000;

/**
 * Creates a stand-in for a model, so that a new user sees tools, progress and streaming without a key and a network.
 * Its first answer says what it is. `delayMs`: the time between words when it streams.
 */
export function createDemoProvider(delayMs: number = WORD_DELAY_MS): Provider {
  return {
    name: "demo",
    protocol: "demo",
    async generate(request, sink, signal) {
      signal.throwIfAborted();
      const answer = chooseAnswer(request);
      const items = request.stream ? await streamWords(answer, { sink, signal, delayMs }) : [answer];
      const finish = answer.type === "function_call" ? "tool_calls" : "stop";
      return { items, finish, usage: estimateUsage(request, items), served: SERVED };
    },
    close: async () => {},
  };
}

function chooseAnswer(request: ModelRequest): ModelItem {
  const last = request.items.at(-1);
  const outputs = findLastOutputs(request.items);
  if (outputs.length > 0)
    return createMessage(introduce(request.items) + outputs.map(showOutput).join("\n\n"));
  const asked = last?.type === "message" ? joinText(last.content) : "";
  const call = request.toolChoice.mode === "none" ? undefined : findCall(asked, request);
  if (call !== undefined) return call;
  const echo = asked === "" ? "" : `You wrote: "${asked.slice(0, 200)}". `;
  return createMessage(`${introduce(request.items)}${echo}${ABILITIES}`);
}

function findCall(asked: string, request: ModelRequest): ModelItem | undefined {
  for (const { pattern, tool, arguments: writeArguments } of RULES) {
    const match = pattern.exec(asked);
    if (match === null || !request.tools.some(({ name }) => name === tool)) continue;
    return { type: "function_call", name: tool, arguments: JSON.stringify(writeArguments(match)) };
  }
  return undefined;
}

function findLastOutputs(items: readonly ItemBody[]): FunctionCallOutputBody[] {
  const start = items.findLastIndex((item) => item.type !== "function_call_output") + 1;
  return items.slice(start).filter((item) => item.type === "function_call_output");
}

/** Returns the introduction for the first answer of a conversation, "" for later ones. */
function introduce(items: readonly ItemBody[]): string {
  const spoken = items.some((item) => item.type === "message" && item.role === "assistant");
  return spoken ? "" : INTRODUCTION;
}

function showOutput(output: FunctionCallOutputBody): string {
  const text = joinText(output.output).slice(0, MAX_SHOWN_CHARS);
  const verb = output.is_error ? "failed" : "answered";
  return `The tool \`${output.name}\` ${verb}:\n\n\`\`\`\n${text}\n\`\`\``;
}

function createMessage(text: string): ModelItem {
  return { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
}

/** Counts four characters as a token: the demo has no tokenizer, and readers of usage expect numbers. */
function estimateUsage(request: ModelRequest, items: readonly ModelItem[]): Usage {
  const tokens = (value: unknown) => Math.ceil(JSON.stringify(value).length / 4);
  return { ...NO_USAGE, inputTokens: tokens([request.core, request.items]), outputTokens: tokens(items) };
}

interface StreamOptions {
  sink: ModelSink;
  signal: AbortSignal;
  delayMs: number;
}

/** Streams an answer word by word. */
async function streamWords(
  answer: ModelItem,
  { sink, signal, delayMs }: StreamOptions,
): Promise<readonly ModelItem[]> {
  const assembler = new Assembler();
  if (answer.type === "function_call") {
    assembler.add(assembler.start({ ...answer, arguments: "" }), "arguments", answer.arguments);
    assembler.flush(sink);
    return assembler.items;
  }
  const index = assembler.start({ type: "message", role: "assistant", content: [] });
  const text = answer.type === "message" ? joinText(answer.content) : "";
  for (const word of text.match(/\s*\S+|\s+$/g) ?? []) {
    assembler.add(index, "text", word);
    assembler.flush(sink);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    signal.throwIfAborted();
  }
  return assembler.items;
}
