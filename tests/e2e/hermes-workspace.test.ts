import { describe, expect, test } from "vitest";
import { startLive } from "../helpers/live-app.ts";

interface Session {
  id: string;
  title?: string;
  message_count: number;
  started_at: number;
}
interface Message {
  id: number;
  role: string;
  content: string | null;
  tool_calls?: { function: { name: string } }[];
  timestamp: number;
}
interface StreamEvent {
  event: string;
  data: Record<string, unknown>;
}

/** Calls as hermes-workspace makes them: plain fetch, and a reader that splits by lines and wants `data: `. */
function workspaceOf({ origin, apiKey }: { origin: string; apiKey: string }) {
  const send = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${origin}/api/sessions${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const ask = async <Answer>(method: string, path: string, body?: object) =>
    (await send(method, path, body)).json() as Promise<Answer>;
  const chat = async (id: string, body: object) => {
    const response = await send("POST", `/${id}/chat/stream`, body);
    const events: StreamEvent[] = [];
    const decoder = new TextDecoder();
    let rest = "";
    let event = "";
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("event: ")) event = line.slice(7).trim();
        else if (line.startsWith("data: ")) events.push({ event, data: JSON.parse(line.slice(6)) });
      }
    }
    return events;
  };
  return { ask, chat };
}

const textOf = (events: readonly StreamEvent[]) =>
  events.flatMap(({ event, data }) => (event === "assistant.delta" ? [data["delta"]] : [])).join("");

describe("hermes-workspace", () => {
  test("lists, creates, chats, reads, forks, searches and deletes", async () => {
    const live = await startLive(
      [
        { toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] },
        { text: "The code is 7431." },
        { text: "Still 7431." },
      ],
      { files: { "notes.txt": "The code is 7431.\n" } },
    );
    const { ask, chat } = workspaceOf(live);
    expect(await ask("GET", "?limit=50&offset=0")).toMatchObject({ data: [], has_more: false });
    const { session } = await ask<{ session: Session }>("POST", "", { title: "Codes" });
    expect(session.started_at).toBeCloseTo(Date.now() / 1000, -2);

    const events = await chat(session.id, { message: "What is the code?", system_message: "Be brief." });
    expect(events.map(({ event }) => event)).toEqual([
      "run.started",
      "message.started",
      "tool.started",
      "tool.completed",
      ...events.filter(({ event }) => event === "assistant.delta").map(({ event }) => event),
      "assistant.completed",
      "run.completed",
      "done",
    ]);
    expect(textOf(events)).toBe("The code is 7431.");

    const { data: messages } = await ask<{ data: Message[] }>("GET", `/${session.id}/messages`);
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
    expect(messages[1]?.tool_calls?.[0]?.function.name).toBe("read_file");
    for (const { id, timestamp } of messages)
      expect([id, timestamp]).toEqual([expect.any(Number), expect.any(Number)]);

    const fork = await ask<{ session: Session; forked_from: string }>("POST", `/${session.id}/fork`);
    expect(fork).toMatchObject({ forked_from: session.id, session: { title: "Codes #2", message_count: 4 } });
    expect(textOf(await chat(fork.session.id, { message: "Sure?" }))).toBe("Still 7431.");

    const { results } = await ask<{ results: Session[] }>("GET", "/search?q=codes&limit=20");
    expect(results.map(({ id }) => id)).toEqual([fork.session.id, session.id]);
    await ask("PATCH", `/${session.id}`, { title: "Old codes" });
    await ask("DELETE", `/${session.id}`);
    const { data } = await ask<{ data: Session[] }>("GET", "");
    expect(data).toMatchObject([{ id: fork.session.id, message_count: 6 }]);
  });

  test("hermes-workspace finds what is there by its probes: absent is 404, a wrong key is 401", async () => {
    const live = await startLive();
    const probe = async (path: string, key: string) =>
      (await fetch(live.origin + path, { headers: { authorization: `Bearer ${key}` } })).status;
    expect(await probe("/api/sessions", live.apiKey)).toBe(200);
    expect(await probe("/api/sessions", "wrong-key-0123456789")).toBe(401);
    expect(await probe("/api/memory", live.apiKey)).toBe(404);
  });
});
