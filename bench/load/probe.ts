import { createParser } from "eventsource-parser";
import { requestBody, requestTarget, type Scenario, TOKEN_CHARS, tokensOf } from "../scenarios.ts";
import type { Probe, ProbeJob } from "./jobs.ts";

interface Chunk {
  object?: unknown;
  choices?: { index?: unknown; delta?: { role?: unknown; content?: unknown }; finish_reason?: unknown }[];
  error?: unknown;
}

/** What a strict reader holds against a stream of chunks; the order is that of OpenAI. */
function chunkFaults(events: readonly string[], expectedChars: number): string[] {
  const faults: string[] = [];
  const last = events.at(-1);
  if (last !== "[DONE]") faults.push(`the last event is ${last?.slice(0, 80)}, not [DONE]`);
  const chunks = events.filter((data) => data !== "[DONE]").map((data): Chunk => JSON.parse(data));
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  const text = choices.map((choice) => choice.delta?.content ?? "").join("");
  if (chunks.some((chunk) => chunk.object !== "chat.completion.chunk"))
    faults.push("an event that is no chunk");
  if (chunks.some((chunk) => chunk.error !== undefined)) faults.push("an error event");
  if (choices[0]?.delta?.role !== "assistant") faults.push("no role in the first chunk");
  if (text.length !== expectedChars)
    faults.push(`${text.length} of ${expectedChars} characters: ${text.slice(0, 100)}`);
  if (choices.at(-1)?.finish_reason !== "stop") faults.push(`it ends with ${choices.at(-1)?.finish_reason}`);
  return faults;
}

function jsonFaults(text: string, expectedChars: number): string[] {
  const answer: { object?: unknown; choices?: { message?: { content?: unknown } }[] } = JSON.parse(text);
  const content = answer.choices?.[0]?.message?.content;
  if (answer.object === "chat.completion" && typeof content === "string" && content.length === expectedChars)
    return [];
  return [`not the expected answer: ${text.slice(0, 200)}`];
}

interface ResponseAnswer {
  object?: unknown;
  status?: unknown;
  previous_response_id?: unknown;
  output?: { type?: unknown; content?: { text?: string }[] }[];
}

function responseFaults(text: string, { previous = null, expectedChars }: ResponseTerms): string[] {
  const { object, status, output, previous_response_id: before }: ResponseAnswer = JSON.parse(text);
  const said = output?.[0]?.content?.[0]?.text;
  const isWhole = object === "response" && status === "completed" && said?.length === expectedChars;
  return isWhole && before === previous ? [] : [`not the expected response: ${text.slice(0, 200)}`];
}

interface ResponseTerms {
  previous?: string | null;
  expectedChars: number;
}

interface Frame {
  type?: unknown;
  sequence_number?: unknown;
  delta?: string;
}

/** What a strict reader holds against a response's stream. */
function frameFaults(events: readonly string[], expectedChars: number): string[] {
  const faults: string[] = [];
  if (events.at(-1) !== "[DONE]") faults.push(`the last event is ${events.at(-1)?.slice(0, 80)}, not [DONE]`);
  const frames = events.filter((data) => data !== "[DONE]").map((data): Frame => JSON.parse(data));
  const gap = frames.findIndex((frame, i) => frame.sequence_number !== i);
  if (gap !== -1) faults.push(`frame ${gap} has the number ${frames[gap]?.sequence_number}`);
  if (frames[0]?.type !== "response.created") faults.push(`it begins with ${frames[0]?.type}`);
  if (frames.at(-1)?.type !== "response.completed") faults.push(`it ends with ${frames.at(-1)?.type}`);
  const text = frames.map(({ delta = "" }) => delta).join("");
  if (text.length !== expectedChars) faults.push(`${text.length} of ${expectedChars} characters`);
  return faults;
}

/** What a strict reader holds against a run's events. */
function eventFaults(events: readonly string[], expectedChars: number): string[] {
  const read = events.map((data): { event?: string; seq?: number; delta?: string } => JSON.parse(data));
  const text = read.map(({ delta = "" }) => delta).join("");
  const faults = text.length === expectedChars ? [] : [`${text.length} of ${expectedChars} characters`];
  if (read.at(-1)?.event !== "run.completed") faults.push(`it ends with ${read.at(-1)?.event}`);
  if (read.some(({ seq = 0 }, i) => seq <= (read[i - 1]?.seq ?? 0))) faults.push("numbers that do not rise");
  return faults;
}

function faultsOf(scenario: Scenario, stream: boolean, text: string): string[] {
  const expectedChars = tokensOf(scenario) * TOKEN_CHARS;
  if (scenario.kind === "response")
    return responseFaults(text, { expectedChars, previous: scenario.previous ?? null });
  if (!stream) return jsonFaults(text, expectedChars);
  const events: string[] = [];
  createParser({ onEvent: ({ data }) => events.push(data) }).feed(text);
  if (scenario.kind === "resume") return eventFaults(events, expectedChars);
  return scenario.kind === "replay" ? frameFaults(events, expectedChars) : chunkFaults(events, expectedChars);
}

/** One answer, read in full and checked field by field; the fast readers of the load rely on it. */
export async function probe({ aim, scenario, stream }: ProbeJob): Promise<Probe> {
  const { method, path } = requestTarget(scenario);
  try {
    const response = await fetch(`http://127.0.0.1:${aim.port}${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${aim.key}`,
        connection: "close",
      },
      ...(method === "POST" && { body: requestBody(scenario, stream) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (response.status !== 200) return { faults: [`status ${response.status}: ${text.slice(0, 300)}`] };
    return { faults: faultsOf(scenario, stream, text) };
  } catch (error) {
    return { faults: [String(error)] };
  }
}
