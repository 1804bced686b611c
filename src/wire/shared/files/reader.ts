import { type ApiError, invalidRequest, tooManyRequests } from "../../../domain/error.ts";
import type { InputImage, InputText } from "../../../domain/item.ts";
import { type PdfLimits, readPdf } from "../../../files/pdf.ts";
import { firstLine } from "../../../lib/text.ts";

/** What files may cost. */
export interface FileLimits extends PdfLimits {
  /** PDFs read side by side, in all requests. */
  maxReaders: number;
  /** PDFs that wait for a reader; more are a 429. */
  maxWaiting: number;
}

/** Roughly 100,000 tokens of text, and what a page-long script can do no harm with. */
export const FILE_LIMITS: FileLimits = {
  maxPages: 300,
  maxChars: 400_000,
  timeoutMs: 10_000,
  maxHeapMb: 96,
  maxGrowthMb: 128,
  maxReaders: 1,
  maxWaiting: 16,
};

/** A file as a client sends it. */
interface SentFile {
  /** A data URL, or bare base64. */
  data: string;
  name: string | undefined;
  /** Where it stands in the request, for errors. */
  param: string;
}

/** Turns files into what a model can read. */
export interface FileReader {
  /**
   * The text of a PDF or a text file under its name, or the image that it is.
   * @throws ApiError 400 for what cannot be read, 429 when too many wait.
   */
  read(file: SentFile): Promise<InputText | InputImage>;
}

/** A reader whose limits hold for everybody who uses it. */
export function createFileReader(limits: FileLimits): FileReader {
  const gate = new Gate(limits);
  return {
    async read({ data, name, param }) {
      if (/^data:image\//i.test(data)) return { type: "input_image", image_url: data };
      const bytes = decodeBase64(data, param);
      const { text, isCut, note } = isPdf(bytes)
        ? await gate.run(() => pdfText(bytes, param, limits))
        : readPlainText(bytes, param, limits);
      const title = firstLine(name ?? "", MAX_NAME_CHARS) || "without a name";
      const end = isCut ? "\n[The rest of the file is left out.]" : "";
      return { type: "input_text", text: `[File: ${title}${note}]\n${text}${end}\n[End of file]` };
    },
  };
}

const MAX_NAME_CHARS = 200;

interface FileText {
  text: string;
  isCut: boolean;
  /** What there is to say about the file besides its name. */
  note: string;
}

function decodeBase64(data: string, param: string): Buffer {
  const comma = data.startsWith("data:") ? data.indexOf(",") : -1;
  const isPlainUrl = data.startsWith("data:") && !/;base64$/i.test(data.slice(0, Math.max(comma, 0)));
  const base64 = data.slice(comma + 1);
  if (isPlainUrl || base64 === "" || /[^A-Za-z0-9+/_=\s-]/.test(base64)) {
    throw invalidRequest(param, `Invalid '${param}': use a data URL with base64, or base64 alone.`);
  }
  return Buffer.from(base64, "base64");
}

/** Some writers put a few bytes of their own before the mark. */
function isPdf(bytes: Buffer): boolean {
  return bytes.subarray(0, 1024).includes("%PDF-");
}

async function pdfText(bytes: Buffer, param: string, limits: FileLimits): Promise<FileText> {
  const read = await readPdf(new Uint8Array(bytes), limits);
  if ("error" in read) throw unreadableFile(param, `The PDF cannot be read: ${firstLine(read.error, 200)}.`);
  const { text, isCut, pages } = read;
  const note = `, ${pages} ${pages === 1 ? "page" : "pages"}`;
  return { text: text === "" ? "(It holds no text, only images.)" : text, isCut, note };
}

function readPlainText(bytes: Buffer, param: string, { maxChars }: FileLimits): FileText {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\u0000"))
      return { text: text.slice(0, maxChars).toWellFormed(), isCut: text.length > maxChars, note: "" };
  } catch {
    // No UTF-8: the same refusal.
  }
  throw unreadableFile(param, "Only PDF, text and image files can be read.");
}

function unreadableFile(param: string, message: string): ApiError {
  return invalidRequest(param, message, "unsupported_content_type");
}

/** Lets a few through at a time. */
class Gate {
  readonly #limits: FileLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: FileLimits) {
    this.#limits = limits;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const { maxReaders, maxWaiting } = this.#limits;
    if (this.#running >= maxReaders) {
      if (this.#waiting.length >= maxWaiting) throw tooManyRequests("Too many files are being read.");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
