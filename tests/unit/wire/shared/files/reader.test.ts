import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  createFileReader,
  FILE_LIMITS,
  type FileLimits,
} from "../../../../../src/wire/shared/files/reader.ts";
import { pdfOf, pdfOfObjects } from "../../../../helpers/pdf.ts";

const PAGES = pdfOf("One.", "Two.", "Three.");

function read(
  bytes: Buffer,
  limits: Partial<FileLimits> = {},
  reader = createFileReader({ ...FILE_LIMITS, ...limits }),
) {
  return reader.read({ data: bytes.toString("base64"), name: "a.pdf", param: "x" });
}

/** A page whose content is 4 GB of blanks once it is unpacked twice. */
function bomb(): Buffer {
  const inner = deflateSync(Buffer.alloc(64_000_000, " "), { level: 9 });
  const outer = deflateSync(Buffer.concat(Array.from({ length: 1 }, () => inner)), { level: 9 });
  const stream = `<< /Length ${outer.length} /Filter [/FlateDecode /FlateDecode] >>\nstream\n`;
  const contents = Array.from({ length: 60 }, () => "5 0 R").join(" ");
  return pdfOfObjects([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents [${contents}] >>`,
    Buffer.concat([Buffer.from(stream), outer, Buffer.from("\nendstream")]),
  ]);
}

describe("a PDF", () => {
  it("a PDF is read up to a number of pages", async () => {
    expect(await read(PAGES, { maxPages: 2 })).toMatchObject({
      text: "[File: a.pdf, 3 pages]\nOne.\n\nTwo.\n[The rest of the file is left out.]\n[End of file]",
    });
  });

  it("a PDF that takes too long is refused", async () => {
    await expect(read(PAGES, { timeoutMs: 1 })).rejects.toMatchObject({
      failure: { code: "unsupported_content_type", message: expect.stringContaining("longer") },
    });
  });

  it("a PDF that unpacks to more than there is room for is refused, and takes little of the memory", async () => {
    const pdf = bomb();
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 5);
    const outcome = await read(pdf).catch((error: unknown) => error);
    clearInterval(watch);
    expect(outcome).toMatchObject({
      failure: {
        code: "unsupported_content_type",
        message: expect.stringContaining("too much memory"),
      },
    });
    expect(most - before).toBeLessThan(300_000_000);
  }, 30_000);

  it("a PDF of many pages is read within the same room", async () => {
    const pages = Array.from({ length: 300 }, (_, n) => `Page ${n}. `.repeat(100));
    expect(await read(pdfOf(...pages))).toMatchObject({ text: expect.stringContaining("Page 299.") });
  }, 30_000);

  it("a PDF waits for its turn; when too many do, it is refused for now", async () => {
    const limits = { ...FILE_LIMITS, maxReaders: 1, maxWaiting: 1 };
    const reader = createFileReader(limits);
    const all = await Promise.allSettled([1, 2, 3].map(() => read(PAGES, {}, reader)));
    expect(all.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(all[2]).toMatchObject({ reason: { failure: { code: "rate_limit_exceeded" } } });
  });
});
