import { parentPort, workerData } from "node:worker_threads";

/** What the worker is given. */
export interface PdfTask {
  bytes: Uint8Array;
  maxPages: number;
  maxChars: number;
}

/** What it answers: the text as far as the limits allow, and how many pages there are in all. */
export type PdfText = { text: string; pages: number; isCut: boolean } | { error: string };

/** Reads a PDF page by page in a thread of its own, which its owner may end at any time. */
async function readPages({ bytes, maxPages, maxChars }: PdfTask): Promise<PdfText> {
  const { getDocumentProxy } = await import("unpdf");
  const document = await getDocumentProxy(bytes, { isEvalSupported: false, useSystemFonts: false });
  const pages = document.numPages;
  let text = "";
  let page = 1;
  for (; page <= Math.min(pages, maxPages) && text.length < maxChars; page++) {
    const { items } = await (await document.getPage(page)).getTextContent();
    text += `${text === "" ? "" : "\n\n"}${items.map(itemText).join("")}`;
  }
  const isCut = page <= pages || text.length > maxChars;
  return { text: text.slice(0, maxChars).trim().toWellFormed(), pages, isCut };
}

/** Marks in between have no words. */
function itemText(item: { str: string; hasEOL: boolean } | { type: string }): string {
  if (!("str" in item)) return "";
  return item.hasEOL ? `${item.str}\n` : item.str;
}

const answer = await readPages(workerData as PdfTask).catch(
  (error): PdfText => ({ error: error instanceof Error ? error.message : String(error) }),
);
parentPort?.postMessage(answer);
