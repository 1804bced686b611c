import { describe, expect, test } from "vitest";
import { joinText } from "../../src/domain/item.ts";
import { openChat } from "../helpers/chat-app.ts";
import { pdfOf } from "../helpers/pdf.ts";
import { openResponses } from "../helpers/responses-app.ts";
import { say } from "../helpers/scripted-provider.ts";

const DONE = () => say("Done.");
const PDF = `data:application/pdf;base64,${pdfOf("The code is 7431.", "Page two.").toString("base64")}`;
const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");
const PIXEL = `data:image/png;base64,${base64("png")}`;

function fileMessage(file: object) {
  return [
    {
      role: "user",
      content: [
        { type: "input_text", text: "Look:" },
        { type: "input_file", ...file },
      ],
    },
  ];
}

async function read(file: object) {
  const { respond, provider } = await openResponses(DONE);
  const answer = await respond({ input: fileMessage(file) });
  const [item] = provider.requests[0]?.items ?? [];
  return { answer, content: item?.type === "message" ? item.content : [] };
}

describe("a file of a message", () => {
  test.each([
    ["a PDF", PDF],
    ["a PDF without a data URL", PDF.replace(/.*,/, "")],
  ])("%s is text under its name", async (_name, file_data) => {
    const { content } = await read({ filename: "code\n.pdf", file_data });
    expect(joinText(content)).toBe(
      "Look:\n[File: code, 2 pages]\nThe code is 7431.\n\nPage two.\n[End of file]",
    );
  });

  test("a file of a message of text is read as it is", async () => {
    const { content } = await read({ file_data: `data:text/csv;base64,${base64("a,ü\n1,2")}` });
    expect(joinText(content)).toBe("Look:\n[File: without a name]\na,ü\n1,2\n[End of file]");
  });

  test("a file of a message that is an image is an image", async () => {
    const { content } = await read({ filename: "a.png", file_data: PIXEL });
    expect(content[1]).toEqual({ type: "input_image", image_url: PIXEL });
  });

  test("a file of a message that is too long is cut, and says so", async () => {
    const { content } = await read({ file_data: base64("x".repeat(500_000)) });
    expect(joinText(content)).toMatch(/x{400000}\n\[The rest of the file is left out\.\]\n\[End of file\]$/);
  });

  test.each([
    [{ file_id: "file-1" }, "file_id", "unsupported_parameter"],
    [{ file_url: "https://example.org/a.pdf" }, "file_url", "unsupported_parameter"],
    [{ filename: "a.pdf" }, "file_data", "missing_required_parameter"],
    [{ file_data: "" }, "file_data", "invalid_value"],
    [{ file_data: "!?" }, "file_data", "invalid_value"],
    [{ file_data: "data:text/plain,hello" }, "file_data", "invalid_value"],
    [{ file_data: base64(Buffer.from([0x50, 0x4b, 3, 4, 0xff])) }, "file_data", "unsupported_content_type"],
    [{ file_data: base64("%PDF-1.4 and nothing else") }, "file_data", "unsupported_content_type"],
  ])("%j is refused by name", async (file, field, code) => {
    const { answer } = await read(file);
    expect([answer.status, answer.json().error]).toMatchObject([
      400,
      { code, param: `input[0].content[1].${field}` },
    ]);
  });

  test("more than ten are refused", async () => {
    const { respond } = await openResponses(DONE);
    const content = Array.from({ length: 11 }, () => ({ type: "input_file", file_data: base64("x") }));
    const answer = await respond({ input: [{ role: "user", content }] });
    expect(answer.json().error.param).toBe("input[0].content[10].file_data");
  });

  test("a file of a message is read in a chat, too", async () => {
    const { chat, provider } = await openChat(DONE);
    const content = [{ type: "file", file: { filename: "code.pdf", file_data: PDF } }];
    expect((await chat({ messages: [{ role: "user", content }] })).status).toBe(200);
    expect(JSON.stringify(provider.requests[0]?.items)).toContain("The code is 7431.");
    const wrong = [{ type: "file", file: { file_id: "file-1" } }];
    const answer = await chat({ messages: [{ role: "user", content: wrong }] });
    expect(answer.json().error.param).toBe("messages[0].content[0].file.file_id");
  });

  test("a file of a message of a system message is read as part of the instructions", async () => {
    const { chat, provider } = await openChat(DONE);
    const content = [{ type: "file", file: { filename: "code.pdf", file_data: PDF } }];
    const user = { role: "user", content: "Which code?" };
    expect((await chat({ messages: [{ role: "system", content }, user] })).status).toBe(200);
    expect(JSON.stringify(provider.requests[0])).toContain("The code is 7431.");
  });

  test("a file of a message of a tool's result is read, and its images are kept", async () => {
    const { respond, provider } = await openResponses(DONE);
    const output = [
      { type: "input_image", image_url: PIXEL },
      { type: "input_file", file_data: PDF },
    ];
    const call = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };
    const input = ["Go", call, { type: "function_call_output", call_id: "c", output }];
    expect((await respond({ input })).status).toBe(200);
    expect(provider.requests[0]?.items.at(-1)).toMatchObject({
      output: [{ type: "input_image" }, { type: "input_text", text: expect.stringContaining("7431") }],
    });
  });
});
