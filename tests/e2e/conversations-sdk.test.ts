import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, startLive } from "../helpers/live-app.ts";

const MODEL = "hermes-agent";
const READ = { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };
const FILES = { "notes.txt": "The code is 7431.\n" };

async function connect(script: Script): Promise<{ live: Live; client: OpenAI }> {
  const live = await startLive(script, { files: FILES });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  return { live, client };
}

/** What the model was told at its n-th call (from 1), without the core prompt. */
async function heard(live: Live, n: number): Promise<string[]> {
  const { messages } = asChat(await live.upstream.requestArrived(n));
  return messages.slice(1).map(({ role, content }) => `${role}: ${content}`);
}

const says = (role: "user" | "assistant", content: string) => ({ role, content });

/** Every item of a conversation in few words, in the order asked for. */
async function listed(client: OpenAI, id: string, order: "asc" | "desc", limit = 2): Promise<string[]> {
  const items = await collect(await client.conversations.items.list(id, { order, limit }));
  return items.map((item) => {
    if (item.type !== "message") return item.type;
    const [part] = item.content;
    return `${item.role}: ${part !== undefined && "text" in part ? part.text : ""}`;
  });
}

describe("the openai SDK's conversations", () => {
  test("the openai SDK's conversations are created with or without anything, read, changed and deleted", async () => {
    const { client } = await connect([]);
    const bare = await client.conversations.create();
    expect(bare).toMatchObject({ id: expect.stringMatching(/^conv_[0-9a-f]{32}$/), object: "conversation" });
    expect(bare.metadata).toEqual({});
    const full = await client.conversations.create({
      metadata: { topic: "demo" },
      items: [says("user", "Hi.")],
    });
    expect(await client.conversations.retrieve(full.id)).toEqual(full);
    expect(full.metadata).toEqual({ topic: "demo" });
    const changed = await client.conversations.update(full.id, { metadata: { topic: "other" } });
    expect(changed).toEqual({ ...full, metadata: { topic: "other" } });
    expect(await client.conversations.retrieve(full.id)).toEqual(changed);
    expect(await client.conversations.delete(full.id)).toEqual({
      id: full.id,
      object: "conversation.deleted",
      deleted: true,
    });
    await expect(client.conversations.retrieve(full.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.conversations.items.list(full.id)).rejects.toMatchObject({ status: 404 });
    expect(await client.conversations.retrieve(bare.id)).toEqual(bare);
  });

  test("hold what is put in and what responses add, with the same ids, in pages both ways", async () => {
    const { live, client } = await connect([READ, { text: "It is 7431." }, { text: "Bye." }]);
    const { id } = await client.conversations.create({ items: [says("user", "I am Ann.")] });
    const added = await client.conversations.items.create(id, { items: [says("assistant", "Hi Ann.")] });
    expect(added).toMatchObject({ object: "list", has_more: false, first_id: added.last_id });
    const first = await client.responses.create({ model: MODEL, input: "The code?", conversation: id });
    expect(first).toMatchObject({ conversation: { id }, previous_response_id: null });
    expect(await heard(live, 1)).toEqual(["user: I am Ann.", "assistant: Hi Ann.", "user: The code?"]);
    const stream = client.responses.stream({ model: MODEL, input: "Thanks!", conversation: { id } });
    const second = await stream.finalResponse();
    expect(second).toMatchObject({ conversation: { id }, output_text: "Bye." });
    expect((await heard(live, 3)).at(-1)).toBe("user: Thanks!");
    const all = [
      "user: I am Ann.",
      "assistant: Hi Ann.",
      "user: The code?",
      "assistant: Let me look.",
      "mcp_call",
      "assistant: It is 7431.",
      "user: Thanks!",
      "assistant: Bye.",
    ];
    for (const limit of [1, 2, 3, 100]) {
      expect(await listed(client, id, "asc", limit)).toEqual(all);
      expect(await listed(client, id, "desc", limit)).toEqual(all.toReversed());
    }
    const items = await collect(await client.conversations.items.list(id, { order: "asc" }));
    expect(items[1]).toEqual(added.data[0]);
    expect(items.slice(3, 6)).toEqual(first.output);
    expect(items.slice(7)).toEqual((await client.responses.retrieve(second.id)).output);
    for (const item of items) {
      const path = { conversation_id: id };
      expect(await client.conversations.items.retrieve(item.id as string, path)).toEqual(item);
    }
  });

  test("lose an item that is deleted, for their readers and for the model", async () => {
    const { live, client } = await connect([READ, { text: "It is 7431." }, { text: "Which code?" }]);
    const made = await client.conversations.create({ metadata: { a: "b" } });
    const first = await client.responses.create({
      model: MODEL,
      input: "The code?",
      conversation: made.id,
    });
    const path = { conversation_id: made.id };
    for (const { id } of first.output) {
      expect(await client.conversations.items.delete(id as string, path)).toEqual(made);
      await expect(client.conversations.items.retrieve(id as string, path)).rejects.toMatchObject({
        status: 404,
        code: "item_not_found",
      });
    }
    expect(await listed(client, made.id, "asc")).toEqual(["user: The code?"]);
    await client.responses.create({ model: MODEL, input: "What is it?", conversation: made.id });
    expect(await heard(live, 3)).toEqual(["user: The code?", "user: What is it?"]);
    expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, output: first.output });
  });

  test("the openai SDK's conversations can be deleted item by item while they are listed", async () => {
    const { client } = await connect([]);
    const { id } = await client.conversations.create({
      items: Array.from({ length: 7 }, (_, n) => says("user", String(n))),
    });
    for await (const item of client.conversations.items.list(id, { limit: 2 }))
      await client.conversations.items.delete(item.id as string, { conversation_id: id });
    expect(await listed(client, id, "asc")).toEqual([]);
  });

  test("go, and leave the responses that were made in them", async () => {
    const { live, client } = await connect([{ text: "one" }, { text: "two" }, { text: "three" }]);
    const { id } = await client.conversations.create({ items: [says("user", "zero")] });
    const made = await client.responses.create({ model: MODEL, input: "first", conversation: id });
    await client.conversations.delete(id);
    await expect(
      client.responses.create({ model: MODEL, input: "x", conversation: id }),
    ).rejects.toMatchObject({ status: 404, code: "conversation_not_found" });
    const { output_text: _text, ...first } = made;
    expect(await client.responses.retrieve(made.id)).toMatchObject({ output: first.output });
    await client.responses.create({ model: MODEL, input: "second", previous_response_id: made.id });
    expect(await heard(live, 2)).toEqual(["user: zero", "user: first", "assistant: one", "user: second"]);
  });

  test("keep what a deleted response said", async () => {
    const { live, client } = await connect([{ text: "one" }, { text: "two" }]);
    const { id } = await client.conversations.create();
    const made = await client.responses.create({ model: MODEL, input: "first", conversation: id });
    await client.responses.delete(made.id);
    await expect(client.responses.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
    expect(await listed(client, id, "asc")).toEqual(["user: first", "assistant: one"]);
    await client.responses.create({ model: MODEL, input: "second", conversation: id });
    expect(await heard(live, 2)).toEqual(["user: first", "assistant: one", "user: second"]);
  });

  test("the openai SDK's conversations can have a name instead, as hermes' clients have them", async () => {
    const { live, client } = await connect([{ text: "Hi." }, { text: "Ann." }]);
    const ask = { model: MODEL, conversation: "my talk/1" };
    const first = await client.responses.create({ ...ask, input: "I am Ann." });
    expect(first.conversation).toEqual({ id: "my talk/1" });
    await client.responses.create({ ...ask, input: "Who am I?" });
    expect(await heard(live, 2)).toEqual(["user: I am Ann.", "assistant: Hi.", "user: Who am I?"]);
    expect(await listed(client, "my talk/1", "asc")).toHaveLength(4);
    expect(await client.conversations.retrieve("my talk/1")).toMatchObject({ id: "my talk/1" });
  });
});
