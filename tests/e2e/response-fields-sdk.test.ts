import { createOpenAI } from "@ai-sdk/openai";
import { generateText, type ModelMessage } from "ai";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { startLive } from "../helpers/live-app.ts";
import { pdfOf } from "../helpers/pdf.ts";

const MODEL = "hermes-agent";
const PDF = pdfOf("The code is 7431.");
const THOUGHT = { reasoning: "Hm.", signature: "sig-1", text: "Done." };
const ANTHROPIC = { protocol: "anthropic-messages" } as const;

describe("the openai SDK", () => {
  test("the openai SDK sends a PDF, and the model reads its text", async () => {
    const live = await startLive([{ text: "7431." }]);
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
    const file_data = `data:application/pdf;base64,${PDF.toString("base64")}`;
    const content: OpenAI.Responses.ResponseInputContent[] = [
      { type: "input_text", text: "What is the code?" },
      { type: "input_file", filename: "code.pdf", file_data },
    ];
    const response = await client.responses.create({ model: MODEL, input: [{ role: "user", content }] });
    expect(response.output_text).toBe("7431.");
    expect(JSON.stringify(live.upstream.requests[0]?.body)).toContain("The code is 7431.");
  });

  test("the openai SDK keeps reasoning itself, and the model gets it back as it was", async () => {
    const live = await startLive(() => THOUGHT, ANTHROPIC);
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
    const terms = { model: MODEL, store: false, include: ["reasoning.encrypted_content" as const] };
    const first = await client.responses.create({ ...terms, input: "Think." });
    const ask = (content: string) => ({ role: "user" as const, content });
    const input = [ask("Think."), ...first.output, ask("Again.")] as OpenAI.Responses.ResponseInput;
    await client.responses.create({ ...terms, input });
    expect(JSON.stringify(live.upstream.requests[1]?.body)).toContain('"thinking":"Hm.","signature":"sig-1"');
  });

  test("the openai SDK declares hosted tools, and forces one of them", async () => {
    const live = await startLive([
      { toolCalls: [{ name: "search_files", arguments: { pattern: "x" } }] },
      { text: "Nothing." },
    ]);
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
    const response = await client.responses.create({
      model: MODEL,
      input: "Find x.",
      tools: [{ type: "file_search", vector_store_ids: ["vs_1"] }],
      tool_choice: { type: "file_search" },
    });
    expect(response.output.map(({ type }) => type)).toEqual(["mcp_call", "message"]);
    expect(live.upstream.requests[0]?.body).toMatchObject({
      tool_choice: { type: "function", function: { name: "search_files" } },
    });
  });
});

describe("the AI SDK", () => {
  test("the AI SDK keeps reasoning itself with store off, and the model gets it back as it was", async () => {
    const live = await startLive(() => THOUGHT, ANTHROPIC);
    const hermes = createOpenAI({ baseURL: live.baseURL, apiKey: live.apiKey });
    const model = hermes.responses(MODEL);
    const include: "reasoning.encrypted_content"[] = ["reasoning.encrypted_content"];
    const providerOptions = { openai: { store: false, include } };
    const messages: ModelMessage[] = [{ role: "user", content: "Think." }];
    const first = await generateText({ model, messages, providerOptions });
    expect(first.reasoningText).toBe("Hm.");
    messages.push(...first.response.messages, { role: "user", content: "Again." });
    const second = await generateText({ model, messages, providerOptions });
    expect(second.text).toBe("Done.");
    expect(JSON.stringify(live.upstream.requests[1]?.body)).toContain('"thinking":"Hm.","signature":"sig-1"');
  });

  test.each([
    "chat",
    "responses",
  ] as const)("the AI SDK sends a PDF to %s, and the model reads its text", async (surface) => {
    const live = await startLive([{ text: "7431." }]);
    const hermes = createOpenAI({ baseURL: live.baseURL, apiKey: live.apiKey });
    const { text } = await generateText({
      model: hermes[surface](MODEL),
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "What is the code?" },
            { type: "file", mediaType: "application/pdf", filename: "code.pdf", data: PDF },
          ],
        },
      ],
    });
    expect(text).toBe("7431.");
    expect(JSON.stringify(live.upstream.requests[0]?.body)).toContain("The code is 7431.");
  });
});
