import { createParser } from "eventsource-parser";
import { requestBody, TOKEN_CHARS, tokensOf } from "../scenarios.ts";
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

/** One answer, read in full and checked field by field; the fast readers of the load rely on it. */
export async function probe({ aim, scenario, stream }: ProbeJob): Promise<Probe> {
  const expectedChars = tokensOf(scenario) * TOKEN_CHARS;
  try {
    const response = await fetch(`http://127.0.0.1:${aim.port}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${aim.key}`,
        connection: "close",
      },
      body: requestBody(scenario, stream),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (response.status !== 200) return { faults: [`status ${response.status}: ${text.slice(0, 300)}`] };
    if (!stream) return { faults: jsonFaults(text, expectedChars) };
    const events: string[] = [];
    createParser({ onEvent: ({ data }) => events.push(data) }).feed(text);
    return { faults: chunkFaults(events, expectedChars) };
  } catch (error) {
    return { faults: [String(error)] };
  }
}
